"""The pages of a relay's documentation, and where each is covered: the list behind docs/coverage.md.

A page is covered when it has a schema, a probe, a rule and a cassette. The names are those of the side bar that these
relays share.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from relayproof.surface import (
    ANTHROPIC,
    ANTHROPIC_STREAM,
    AUDIO,
    CHAT,
    CHAT_STREAM,
    CLIENTS,
    COMPLETIONS,
    COMPLETIONS_STREAM,
    EMBEDDINGS,
    ERRORS,
    GEMINI,
    GEMINI_STREAM,
    GPTS,
    IMAGES,
    MIDJOURNEY,
    MODELS,
    SUNO,
)


@dataclass(frozen=True)
class Page:
    """A page: its title, the path it documents, the surfaces that judge it, its schemas and probes (globs)."""

    title: str
    path: str
    surfaces: tuple[str, ...]
    schemas: tuple[str, ...]
    probes: tuple[str, ...]


CHAT_PATH = "POST /v1/chat/completions"
IMAGE_PATH = "POST /v1/images/generations"
BOTH = (CHAT, CHAT_STREAM)
COMPLETION = ("openai/chat_request", "openai/chat_completion*")
MJ_TASK = ("midjourney/submit_result*", "midjourney/task*")


def _mj(title: str, path: str, request: str, probe: str) -> Page:
    return Page(title, path, (MIDJOURNEY,), (f"midjourney/{request}", *MJ_TASK), (f"midjourney/{probe}",))


def _image(title: str, probe: str) -> Page:
    return Page(title, IMAGE_PATH, (IMAGES,), ("openai/image_request", "openai/image_list*"), (f"images/{probe}",))


PAGES = (
    Page("发出请求", "base URL, Bearer", (ERRORS, MODELS), ("openai/error*",), ("errors/*key*", "errors/unknown-path")),
    Page("创建语音", "POST /v1/audio/speech", (AUDIO,), ("openai/speech_*",), ("audio/*speech*",)),
    Page("创建转录", "POST /v1/audio/transcriptions", (AUDIO,), ("openai/transcription*",), ("audio/*transcri*",)),
    Page("创建翻译", "POST /v1/audio/translations", (AUDIO,), ("openai/translation*",), ("audio/*translat*",)),
    Page("聊天完成对象", "chat.completion", (CHAT,), ("openai/chat_completion*",), ("chat/*",)),
    Page("聊天完成块对象", "chat.completion.chunk", (CHAT_STREAM,), ("openai/chat_completion_chunk*",), ("chat-stream/*",)),
    Page("创建聊天函数调用 (只能非流)", CHAT_PATH, BOTH, (*COMPLETION, "openai/tool_call"), ("chat/*tool*",)),
    Page("创建聊天补全 (流式)", CHAT_PATH, (CHAT_STREAM,), COMPLETION, ("chat-stream/*",)),
    Page("创建聊天补全 (非流)", CHAT_PATH, (CHAT,), COMPLETION, ("chat/*",)),
    Page("创建聊天识图 (流式)", CHAT_PATH, (CHAT_STREAM,), COMPLETION, ("chat-stream/*vision*",)),
    Page("创建聊天识图 (非流)", CHAT_PATH, (CHAT,), COMPLETION, ("chat/vision",)),
    Page("创建结构化输出", CHAT_PATH, BOTH, COMPLETION, ("chat/json*",)),
    Page("官方Function calling调用", CHAT_PATH, BOTH, (*COMPLETION, "openai/tool_call"), ("chat/*tool*", "chat/*functions*")),
    Page("官方N测试", CHAT_PATH, BOTH, COMPLETION, ("chat*/*two-choices",)),
    Page("列出模型", "GET /v1/models", (MODELS,), ("openai/model*",), ("models/*",)),
    Page("完成对象", "text_completion", (COMPLETIONS, COMPLETIONS_STREAM), ("openai/completion*",), ("completions*/*",)),
    Page("创建完成", "POST /v1/completions", (COMPLETIONS, COMPLETIONS_STREAM), ("openai/completion*",), ("completions*/*",)),
    Page("嵌入对象", "embedding", (EMBEDDINGS,), ("openai/embedding*",), ("embeddings/*",)),
    Page("创建嵌入", "POST /v1/embeddings", (EMBEDDINGS,), ("openai/embedding*",), ("embeddings/*",)),
    Page("Anthropic Claude 聊天", "POST /v1/messages", (ANTHROPIC, ANTHROPIC_STREAM), ("anthropic/mess*",), ("anthropic*/*",)),
    Page("Anthropic Claude 识图", "POST /v1/messages", (ANTHROPIC,), ("anthropic/mess*",), ("anthropic*/*vision*",)),
    Page("Anthropic Claude 流式", "POST /v1/messages", (ANTHROPIC_STREAM,), ("anthropic/stream_event*",), ("anthropic-stream/*",)),
    Page("Anthropic Claude 函数调用", "POST /v1/messages", (ANTHROPIC,), ("anthropic/mess*",), ("anthropic*/*tool*",)),
    Page("Claude (OpenAI 格式)", CHAT_PATH, (ANTHROPIC, ANTHROPIC_STREAM), COMPLETION, ("anthropic*/*openai*", "anthropic*/*chat*")),
    Page("图像对象", "image", (IMAGES,), ("openai/image_list*",), ("images/*",)),
    _image("Flux (OpenAI dall-e-3 格式)", "*"),
    _image("DALL·E 3", "*"),
    _image("Stable-Diffusion", "*"),
    Page("创建图片编辑", "POST /v1/images/edits", (IMAGES,), ("openai/image_edit_request", "openai/image_list*"), ("images/*edit*",)),
    Page("创建图像变体", "POST /v1/images/variations", (IMAGES,), ("openai/image_variation_request", "openai/image_list*"), ("images/*variation*",)),
    _image("ideogram", "*"),
    _image("recraftv3", "*"),
    _mj("提交Imagine任务", "POST /mj/submit/imagine", "submit_imagine_request", "*imagine*"),
    _mj("提交Blend任务", "POST /mj/submit/blend", "submit_blend_request", "*blend*"),
    _mj("执行Action动作", "POST /mj/submit/action", "submit_action_request", "*"),
    _mj("提交Describe任务", "POST /mj/submit/describe", "submit_describe_request", "*describe*"),
    _mj("提交Shorten任务", "POST /mj/submit/shorten", "submit_shorten_request", "*shorten*"),
    _mj("提交Modal", "POST /mj/submit/modal", "submit_modal_request", "*"),
    _mj("提交swap_face任务", "POST /mj/insight-face/swap", "swap_face_request", "*swap*"),
    _mj("根据任务ID 查询任务状态", "GET /mj/task/{id}/fetch", "task", "*"),
    _mj("根据ID列表查询任务", "POST /mj/task/list-by-condition", "task_list*", "*"),
    _mj("获取任务图片的seed", "GET /mj/task/{id}/image-seed", "image_seed*", "*"),
    Page("谷歌Gemini 聊天接口", "POST /v1beta/models/{model}:generateContent", (GEMINI, GEMINI_STREAM), ("gemini/generate_*",), ("gemini*/*",)),
    Page("谷歌Gemini 识图接口", "POST /v1beta/models/{model}:generateContent", (GEMINI,), ("gemini/generate_*",), ("gemini*/*vision*",)),
    Page("gpt-4-all (分析图片, 生成图片)", CHAT_PATH, (GPTS,), COMPLETION, ("gpts/*all*",)),
    Page("GPTs对话", CHAT_PATH, (GPTS,), COMPLETION, ("gpts/*",)),
    Page("文生音乐 (Chat格式)", CHAT_PATH, (GPTS,), COMPLETION, ("gpts/*suno*", "gpts/*music*")),
    Page("Suno 任务", "POST /suno/submit/music", (SUNO,), ("suno/*",), ("suno/*",)),
    Page("Python 基础聊天", "openai SDK", (CLIENTS,), COMPLETION, ("clients/*",)),
    Page("Python 识图", "openai SDK", (CLIENTS,), COMPLETION, ("clients/*vision*",)),
    Page("Python Claude 识图", "openai and anthropic SDK", (CLIENTS,), COMPLETION, ("clients/*",)),
    Page("HTTP状态码及其含义", "every path", (ERRORS,), ("openai/error*", "anthropic/error*", "gemini/error*"), ("errors/*",)),
)  # fmt: skip


def matching(names: Iterable[str], globs: Iterable[str]) -> list[str]:
    """The names that fit any of the globs, in order."""
    globs = tuple(globs)
    return sorted(name for name in names if any(fnmatch.fnmatchcase(name, glob) for glob in globs))
