"""Every word of the interface, in English and in Simplified Chinese, under one key. Rules keep their own English."""

from __future__ import annotations

LANGUAGES = ("en", "zh")
TAGS = {"en": "en", "zh": "zh-CN"}

WORDS: dict[str, tuple[str, str]] = {
    # The verdict. A key with `.one` is the English singular.
    "sentence.fails": (
        "{count} of {total} required rules fail on {relay}.",
        "{relay} 有 {count} 条必须遵守的规则未通过（共 {total} 条）。",
    ),
    "sentence.fails.one": (
        "1 of {total} required rules fails on {relay}.",
        "{relay} 有 1 条必须遵守的规则未通过（共 {total} 条）。",
    ),
    "sentence.broken": (
        "relayproof itself failed in {count} places while judging {relay}; the other verdicts stand.",
        "判定 {relay} 时 relayproof 自身出错 {count} 处；其余结论仍然有效。",
    ),
    "sentence.broken.one": (
        "relayproof itself failed in one place while judging {relay}; the other verdicts stand.",
        "判定 {relay} 时 relayproof 自身出错 1 处；其余结论仍然有效。",
    ),
    "sentence.stale": (
        "No required rule fails on {relay}, but {count} known deviations no longer exist.",
        "{relay} 没有必须遵守的规则未通过，但有 {count} 条已登记的偏差已不复存在。",
    ),
    "sentence.stale.one": (
        "No required rule fails on {relay}, but 1 known deviation no longer exists.",
        "{relay} 没有必须遵守的规则未通过，但有 1 条已登记的偏差已不复存在。",
    ),
    "sentence.strict": (
        "No required rule fails on {relay}, but {count} recommended rules do, and this run is strict.",
        "{relay} 没有必须遵守的规则未通过，但有 {count} 条建议遵守的规则未通过，而本次为严格模式。",
    ),
    "sentence.strict.one": (
        "No required rule fails on {relay}, but 1 recommended rule does, and this run is strict.",
        "{relay} 没有必须遵守的规则未通过，但有 1 条建议遵守的规则未通过，而本次为严格模式。",
    ),
    "sentence.untested": (
        "No required rule fails on {relay}, but {count} of {total} could not be tested.",
        "{relay} 没有必须遵守的规则未通过，但 {total} 条中有 {count} 条未能测试。",
    ),
    "sentence.nothing": (
        "Nothing that is required could be measured on {relay}.",
        "{relay} 上没有任何必须遵守的规则得到测试。",
    ),
    "sentence.known": (
        "{count} of {total} required rules hold on {relay}; the other {known} are known deviations.",
        "{relay} 通过了 {total} 条必须遵守的规则中的 {count} 条，其余 {known} 条为已知偏差。",
    ),
    "sentence.good": ("All {total} required rules hold on {relay}.", "{relay} 通过了全部 {total} 条必须遵守的规则。"),
    "sentence.good.one": ("The one required rule holds on {relay}.", "{relay} 通过了唯一一条必须遵守的规则。"),
    "advice.key": (
        "The relay does not take the key. Is the right one in the environment variable?",
        "中转站不接受这个密钥。请检查环境变量里的密钥是否正确。",
    ),
    "advice.address": (
        "Nobody answers at this address. Is it right, and does the relay run?",
        "这个地址没有响应。请检查地址是否正确、中转站是否在运行。",
    ),
    "state.good": ("Good", "合格"),
    "state.fails": ("Fails", "不合格"),
    "state.incomplete": ("Incomplete", "不完整"),
    "state.broken": ("Suite error", "工具出错"),
    "exit.0": (
        "exit 0: every required rule that applies was measured and holds",
        "退出码 0：适用的必须规则全部测过且通过",
    ),
    "exit.1": ("exit 1: a required rule fails", "退出码 1：有必须遵守的规则未通过"),
    "exit.1.stale": (
        "exit 1: relayproof.toml lists a known deviation that no longer exists",
        "退出码 1：relayproof.toml 中登记的已知偏差已不存在",
    ),
    "exit.1.strict": (
        "exit 1: a recommended rule fails, and the run is strict",
        "退出码 1：严格模式下有建议遵守的规则未通过",
    ),
    "exit.3": (
        "exit 3: relayproof itself failed; the relay is not to blame",
        "退出码 3：relayproof 自身出错，与中转站无关",
    ),
    "exit.4": (
        "exit 4: incomplete, not all that is required could be measured",
        "退出码 4：不完整，必须遵守的规则没有全部测到",
    ),
    "exit.130": (
        "exit 130: interrupted; this is what was measured until then",
        "退出码 130：已中断，以上是中断前的结果",
    ),
    # Kinds: as a count's unit, and as a heading.
    "passes": ("pass", "通过"),
    "fails": ("fail", "未通过"),
    "stale": ("stale", "已过时"),
    "warns": ("warn", "警告"),
    "known": ("known", "已知"),
    "untested": ("untested", "未测"),
    "notes": ("note", "提示"),
    "not-offered": ("not offered", "未提供"),
    "mark.fails": ("FAIL", "未通过"),
    "mark.stale": ("STALE", "已过时"),
    "head.fails": ("Failures", "未通过"),
    "head.stale": ("Known deviations that no longer exist", "已不存在的已知偏差"),
    "head.warns": ("Warnings", "警告"),
    "head.known": ("Known deviations", "已知偏差"),
    "head.untested": ("Not tested", "未能测试"),
    "head.notes": ("Notes", "提示"),
    "head.not-offered": ("Not offered", "未提供"),
    "head.passes": ("What passed", "已通过"),
    "head.errors": ("Errors of relayproof itself", "relayproof 自身的错误"),
    "head.surfaces": ("By surface", "各接口情况"),
    "lead.fails": (
        "Clients rely on these. Each one makes the exit code 1.",
        "客户端依赖这些规则。任何一条未通过，退出码即为 1。",
    ),
    "lead.stale": (
        "Listed in relayproof.toml, but the relay now does it right. Remove the entry; until then the run fails.",
        "已登记在 relayproof.toml 中，但中转站现在的行为是正确的。请删除该条目；在此之前测试不会通过。",
    ),
    "lead.warns": (
        "Recommended, not required. They do not change the exit code unless the run is strict.",
        "建议遵守，并非必须。除严格模式外不影响退出码。",
    ),
    "lead.known": (
        "These fail, and the relay's owner has written down why. They do not change the exit code.",
        "这些规则未通过，但中转站维护者已登记原因，不影响退出码。",
    ),
    "lead.untested": (
        "Could not be measured, so nothing is said about them. They are never counted as passed.",
        "无法测量，因此不作结论，也绝不算作通过。",
    ),
    "lead.notes": ("Optional behaviour that is worth knowing.", "可选行为，供参考。"),
    "lead.not-offered": ("The relay does not claim to serve these.", "中转站未声明提供这些接口。"),
    "lead.passes": ("Measured and found good.", "测量过，且符合要求。"),
    "lead.errors": ("Please report them. They say nothing about the relay.", "请向我们反馈。这些错误与中转站无关。"),
    # Labels.
    "must": ("required", "必须"),
    "should": ("recommended", "建议"),
    "may": ("optional", "可选"),
    "expected": ("expected", "应当"),
    "where": ("where", "位置"),
    "what": ("what", "实际"),
    "why": ("why it matters", "影响"),
    "why.short": ("why", "影响"),
    "fix": ("how to fix", "修复方法"),
    "fix.short": ("fix", "修复"),
    "stale.fix": ("remove the entry from relayproof.toml", "从 relayproof.toml 中删除该条目"),
    "source": ("source", "依据"),
    "again": ("again", "重测"),
    "evidence": ("Evidence", "证据"),
    "request": ("request", "请求"),
    "response": ("response", "响应"),
    "reason": ("reason", "原因"),
    "surface": ("surface", "接口"),
    "head.parameters": ("Request parameters", "请求参数"),
    "lead.parameters": (
        "What became of what valid requests asked for: honoured, refused, or taken and not honoured.",
        "合法请求里的参数有没有生效：生效、被拒绝，还是收下了却没有生效。",
    ),
    "parameter.honoured": ("honoured", "生效"),
    "parameter.refused": ("refused", "被拒绝"),
    "parameter.ignored": ("not honoured", "未生效"),
    "model": ("model", "模型"),
    "rule": ("rule", "规则"),
    "rules": ("{count} rules", "{count} 条规则"),
    "rules.one": ("1 rule", "1 条规则"),
    "about": (
        "relayproof sends this relay small, real requests and holds every answer, byte for byte, against what the "
        "API's documentation promises to clients.",
        "relayproof 向该中转站发送少量真实请求，并将每个响应逐字节与 API 文档对客户端的承诺进行对照。",
    ),
    "whole": ("the whole answer", "整个响应"),
    "comma": (", ", "，"),
    "report": ("Conformance report", "一致性测试报告"),
    "profile": ("profile", "配置"),
    "summary": ("Summary", "概要"),
    "required": ("required", "必须"),
    "recommended": ("recommended", "建议"),
    "optional": ("optional", "可选"),
    "requests": ("{count} requests", "{count} 次请求"),
    "requests.one": ("1 request", "1 次请求"),
    "tokens": ("{count} tokens", "{count} 个 token"),
    "seconds": ("{count} s", "{count} 秒"),
    "bytes": ("{count} bytes", "{count} 字节"),
    "also": ("and {count} more exchanges", "另有 {count} 次交互相同"),
    "also.one": ("and 1 more exchange", "另有 1 次交互相同"),
    "places": ("and {count} more places", "另有 {count} 处"),
    "places.one": ("and 1 more place", "另有 1 处"),
    "more": ("and {count} more in {file}", "另有 {count} 条，见 {file}"),
    "below": ("and {count} more below", "另有 {count} 条，见下文"),
    "no-reason": ("no reason was given", "未说明原因"),
    "no-answer": ("no answer", "无响应"),
    "variables": (
        "In the commands, $RELAYPROOF_URL is the relay's address and $RELAYPROOF_API_KEY is your key.",
        "命令中的 $RELAYPROOF_URL 是中转站地址，$RELAYPROOF_API_KEY 是你的密钥。",
    ),
    "search": ("Search", "搜索"),
    "search.hint": ("rule, value, reason…", "规则、内容、原因……"),
    "all-surfaces": ("all surfaces", "全部接口"),
    "nothing-found": ("Nothing here matches.", "没有符合条件的内容。"),
    "first": ("first:", "首次："),
    "none": ("none", "无"),
    "verdicts": (
        "{level}: {count} rules broken; verdicts: {verdicts}",
        "{level}：{count} 条规则未通过；结论：{verdicts}",
    ),
    "verdicts.one": ("{level}: 1 rule broken; verdicts: {verdicts}", "{level}：1 条规则未通过；结论：{verdicts}"),
    "explain": (
        "Why a rule matters and how to fix it: relayproof explain RULE. All places: --findings FILE, --reports FOLDER.",
        "规则的影响与修复方法：relayproof explain RULE。全部位置：--findings 文件、--reports 文件夹。",
    ),
    "written": ("report: {path}", "报告：{path}"),
    "copy": ("Copy", "复制"),
    "skip": ("Skip to the results", "跳到结果"),
    "made-by": ("Made by relayproof {version}.", "由 relayproof {version} 生成。"),
    # Surfaces, for a reader who does not know the ids.
    "surface.models": ("model list", "模型列表"),
    "surface.chat": ("chat completions", "聊天补全"),
    "surface.chat_stream": ("chat completions, streamed", "聊天补全（流式）"),
    "surface.completions": ("completions", "文本补全"),
    "surface.completions_stream": ("completions, streamed", "文本补全（流式）"),
    "surface.embeddings": ("embeddings", "嵌入"),
    "surface.images": ("images", "图像"),
    "surface.audio": ("audio", "音频"),
    "surface.anthropic": ("Anthropic messages", "Anthropic 消息"),
    "surface.anthropic_stream": ("Anthropic messages, streamed", "Anthropic 消息（流式）"),
    "surface.gemini": ("Gemini", "Gemini"),
    "surface.gemini_stream": ("Gemini, streamed", "Gemini（流式）"),
    "surface.gpts": ("GPTs and -all models", "GPTs 与 -all 模型"),
    "surface.midjourney": ("Midjourney tasks", "Midjourney 任务"),
    "surface.suno": ("Suno tasks", "Suno 任务"),
    "surface.clients": ("official clients", "官方客户端"),
    "surface.errors": ("errors and refusals", "错误与拒绝"),
    "surface.other": ("other", "其他"),
}


def say(key: str, language: str = "en", **values: object) -> str:
    """The words of a key. `count` chooses the English singular; integers get their thousands marked."""
    if values.get("count") == 1 and f"{key}.one" in WORDS:
        key = f"{key}.one"
    shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
    return WORDS[key][LANGUAGES.index(language)].format(**shown)


def surface_name(surface: str, language: str = "en") -> str:
    """A surface in words; its own id when it is not one of ours."""
    return say(f"surface.{surface}", language) if f"surface.{surface}" in WORDS else surface
