"""Reasons and notes in the reader's language: sentences that others made in English, known by their form.

A form that is not in the table, and whatever a relay or a user wrote, stays as it is.
"""

from __future__ import annotations

import functools
import re

HOLE = re.compile(r"\{(\w+)\}")
FORMS: dict[str, str] = {
    # Why a probe was not sent, or not to its end.
    "claimed, but no model is known for it: name one under [models] in relayproof.toml": (
        "已声明提供，但不知道用哪个模型：请在 relayproof.toml 的 [models] 中指定"
    ),
    "no model is known: the model list was not asked for; name one with --model": (
        "不知道用哪个模型：没有请求模型列表；请用 --model 指定"
    ),
    "the model list could not be read ({how}), and no model was named": "无法读取模型列表（{how}），也没有指定模型",
    "the model list names no model for it": "模型列表中没有可用于此接口的模型",
    "its basic request was not answered: {how}": "基本请求没有得到正常响应：{how}",
    "the budget of {number} requests is spent": "{number} 次请求的预算已用完",
    "the budget of {number} tokens would be overrun": "再发送就会超出 {number} 个 token 的预算",
    "status {status}": "状态码 {status}",
    "not asked": "未请求",
    "unreachable: {error}": "无法连接：{error}",
    "timed-out: no answer began ({error})": "超时：一直没有开始响应（{error}）",
    "no HTTP response: the connection was closed without an answer": "不是 HTTP 响应：连接在响应之前就被关闭",
    "no HTTP response: {error}": "不是 HTTP 响应：{error}",
    "broken: {error}": "连接中断：{error}",
    "no model is known for it": "不知道用哪个模型",
    "its plainest request was not answered: {how}": "最简单的请求没有得到正常响应：{how}",
    "the relay is gone: {how}": "中转站已无法访问：{how}",
    "the relay had stopped answering good requests: {how}": "中转站对正常请求也不再响应：{how}",
    # Why a rule could not measure.
    "the relay answered {status}: {said}": "中转站返回 {status}：{said}",
    "the relay answered {status}": "中转站返回 {status}",
    "the relay had stopped answering good requests as well: {said}": "中转站此时对正常请求也不再响应：{said}",
    "the relay limited the rate": "被中转站限流",
    "the model may not see pictures: {said}": "模型可能不支持图片：{said}",
    "the model may not think: {said}": "模型可能不支持思考：{said}",
    "the model may not call tools: {said}": "模型可能不支持工具调用：{said}",
    "the model may not have the voice alloy: {said}": "模型可能没有 alloy 这个声音：{said}",
    "the model may give one candidate only: {said}": "模型可能只给一个候选：{said}",
    "the model may make one picture at a time: {said}": "模型可能一次只画一张图：{said}",
    "the relay may not translate sound: {said}": "中转站可能不提供语音翻译：{said}",
    "the relay may not pass search on: {said}": "中转站可能不转发搜索：{said}",
    "the relay may not edit pictures: {said}": "中转站可能不提供图片编辑：{said}",
    "the relay may not vary pictures: {said}": "中转站可能不提供图片变体：{said}",
    "the old form may be gone: {said}": "旧写法可能已不再支持：{said}",
    "the model did not repeat the line: {said}": "模型没有照原样复述：{said}",
    "the model said another thing the second time: {said}": "模型第二次说的不一样：{said}",
    "the model did not count as it was asked to: {said}": "模型没有按要求数数：{said}",
    "the model stopped at {said}, after {number} tokens": "模型停在 {said}，共 {number} 个 token",
    "one can't tell whether {said} is English": "无法判断 {said} 是不是英语",
    "nothing was heard": "没有识别出任何内容",
    "the relay had stopped answering good requests as well": "中转站此时对正常请求也不再响应",
    "the reasoning is not counted apart": "没有单独计算思考的 token",
    "whoever wrote the record may have left [DONE] out": "录制者可能略去了 [DONE]",
    "the recording does not show the {aspect}": "录制中看不到这一方面：{aspect}",
    "the recording holds several streams, one behind another": "录制中有几个流首尾相接",
    "the {sdk} SDK is not installed: pip install 'relayproof[sdk]'": (
        "没有安装 {sdk} SDK：pip install 'relayproof[sdk]'"
    ),
    "the {sdk} SDK that is installed can't be used: {error}": "已安装的 {sdk} SDK 无法使用：{error}",
    "the {sdk} SDK could not make the request: {error}": "{sdk} SDK 无法发出该请求：{error}",
    # Tasks.
    "the task stood at {state} after {waited} s, and was not watched to the limit of {limit} s": (
        "{waited} 秒后任务仍为 {state}，没有等到 {limit} 秒的上限"
    ),
    "the task of an earlier run is gone: {status}": "上次运行留下的任务已不存在：{status}",
    "the task was taken up from an earlier run, whose listener is gone": "任务接自上次运行，当时的回调地址已不存在",
    "fetching was refused for now": "查询暂时被拒绝",
    "the action was answered with {status}: {said}": "操作请求返回 {status}：{said}",
    "imageUrl leads on: {status} to {where}": "imageUrl 又转到别处：{status}，{where}",
    "the relay can't reach this machine; set `notify` under [relay] in relayproof.toml": (
        "中转站无法访问本机；请在 relayproof.toml 的 [relay] 中设置 `notify`"
    ),
    "the listener was not asked": "没有收到回调",
    "code {code}: {said}": "code {code}：{said}",
    # Notes on the whole run.
    "nothing but the model list and refusals was measured: no surface is known to work": (
        "除模型列表和拒绝响应外什么都没有测到：不知道有哪个接口可用"
    ),
    "no exchange is of a surface that relayproof knows: nothing but the form of the answers was measured": (
        "没有一次交互属于 relayproof 认识的接口：只检查了响应的形式"
    ),
    "{number} exchanges judged: {kinds}": "共判定 {number} 次交互：{kinds}",
    "not asked, since they cost money (--spend money): {names}": "因为要花钱而没有请求（--spend money）：{names}",
    "not fetched, since it lies on other hosts (pictures = true under [relay]): {list}": (
        "位于其他主机，因此没有获取（在 [relay] 中设置 pictures = true 即可获取）：{list}"
    ),
    "not asked, since it costs more than --spend {limit}: {list}": "花费超过 --spend {limit}，因此没有请求：{list}",
    "parts of {surface}": "{surface} 的一部分",
    "generated with seed {seed}": "随机种子 {seed}",
    "against {relay}: {list}": "与上游 {relay} 对照：{list}",
    "{number} introduced": "{number} 条由中转站引入",
    "{number} inherited": "{number} 条继承自上游",
    "{number} not known": "{number} 条来源不明",
    "repaired by the relay: {names}": "中转站修正了上游的：{names}",
    "no failures": "没有失败",
    # Where a failure comes from.
    "introduced": "中转站引入",
    "inherited": "继承自上游",
    "not known": "来源不明",
}


def spoken(text: str, language: str) -> str:
    """The sentence in that language; as it is where its form is not known."""
    return _chinese(text) if language == "zh" else text


@functools.lru_cache(maxsize=1024)
def _chinese(text: str) -> str:
    for form, chinese in _forms():
        if found := form.fullmatch(text):
            parts = {name: _filled(name, part) for name, part in found.groupdict().items()}
            return HOLE.sub(lambda hole, parts=parts: parts[hole[1]], chinese)  # type: ignore[misc]
    return text


def _filled(hole: str, text: str) -> str:
    """What fills a hole may be one of our sentences itself, or several of them."""
    return "，".join(map(_chinese, text.split(", "))) if hole == "list" else _chinese(text)


@functools.cache
def _forms() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(_pattern(form), re.DOTALL), chinese) for form, chinese in FORMS.items()]


def _pattern(form: str) -> str:
    """The first hole of several ends as early as it can, so that what is quoted may hold our own words."""
    parts = HOLE.split(form)
    return "".join(f"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
