"""Legacy completions, whole and streamed."""

from __future__ import annotations

from relayproof.faults.answer import Answer, Frame
from relayproof.faults.document import change, drop, edit, only, put
from relayproof.faults.fault import WARNS, Family
from relayproof.faults.parameters import always, asks, forwarded, ignored, openai_error, refused, without
from relayproof.faults.stream import double, each, everywhere, finishes, frames, insert, last, tells_usage
from relayproof.faults.stream import drop as leave_out
from relayproof.pointer import get
from relayproof.surface import COMPLETIONS, COMPLETIONS_STREAM

# fmt: off
# A table: a row is a line.

SHAPE, STREAM_SHAPE, ANSWERED = "completions/matches-schema", "completions-stream/matches-schema", "every-response/valid-request-is-answered"
whole = Family("completions", (COMPLETIONS,))
stream = Family("completions", (COMPLETIONS_STREAM,))
both = Family("completions", (COMPLETIONS, COMPLETIONS_STREAM))
REASON, TEXT, LOGS = "/choices/*/finish_reason", "/choices/*/text", "/choices/*/logprobs"


def _prompt_taken_off(document: dict[str, object], prompt: str) -> None:
    for choice in document.get("choices") or []:  # type: ignore[attr-defined]
        choice["text"] = choice["text"].removeprefix(prompt)


def _answer_taken_off(answer: Answer) -> None:
    prompts: list[str] = answer.asked.json.get("prompt") or []
    change(TEXT, lambda text: next(prompt for prompt in prompts if text.startswith(prompt)))(answer)


def _prompt_put_on(answer: Answer) -> None:
    prompt = answer.asked.json.get("prompt")
    change(TEXT, lambda text: f"{prompt}{text}")(answer)


def _added_up(answer: Answer) -> None:
    answer.rewrite(lambda document: document["usage"].update(total_tokens=document["usage"]["prompt_tokens"] + document["usage"]["completion_tokens"]))


both.seen("completions-finish-always-stop", "A text that the limit cut says stop.", change(REASON, lambda reason: reason and "stop"), by="completions/cut-text-says-length")
stream.seen("completions-stream-id-created-drift", "Every chunk has an id and a time of its own.", each(lambda chunk, number: chunk.update(id=f"cmpl-{number}", created=chunk["created"] + number)), by="chat-stream/identity-is-constant")
stream.seen("stream-first-id-sentinel", "The first chunk has an id of its own, to keep the line open.", frames(lambda given: [_sentinel(given[0]), *given]), by="chat-stream/identity-is-constant")
whole.seen("completions-logprobs-null", "logprobs: 2 gets null.", put(LOGS, None), by="completions/logprobs-are-delivered")
whole.seen("n-completions-silent-downgrade", "n is ignored.", change("/choices", lambda choices: choices[:1]), by=("completions/every-prompt-gets-*", "completions/every-choice-*"))
whole.seen("completions-echo-ignored", "echo is ignored.", ignored("echo"), by="completions/echo-is-honoured")
whole.seen("completions-logprobs-int-422", "logprobs as a number is refused.", refused(422, {"detail": [{"type": "bool_parsing", "loc": ["body", "logprobs"], "msg": "Input should be a valid boolean"}]}, asks("/logprobs")), by=ANSWERED)
stream.seen("completions-choices-null", "choices is null in the usage chunk.", each(lambda chunk, number: chunk.update(choices=None), tells_usage), by=STREAM_SHAPE)
stream.seen("completions-final-chunk-empty-choices", "The last chunk of text has no choice.", each(lambda chunk, number: chunk.update(choices=[]), finishes), by=("completions-stream/empty-choices-*", "chat-stream/every-choice-*"))
whole.seen("completions-prompt-array-400", "A list of prompts is refused.", refused(400, openai_error("multi-prompt batching not yet supported"), asks("/prompt/0")), by=ANSWERED)
for key in ("id", "object", "created", "model", "choices"):
    whole.sibling(f"completions-{key}-missing", f"The key `{key}` is missing.", drop(f"/{key}"), by=SHAPE)
    stream.sibling(f"completions-stream-{key}-missing", f"Chunks have no `{key}`.", drop(f"/{key}"), by=STREAM_SHAPE)
both.sibling("completions-object-of-chat", "`object` is chat.completion.", put("/object", "chat.completion"), by=(SHAPE, STREAM_SHAPE))
whole.sibling("completions-text-missing", "Choices have no text.", drop(TEXT), by=SHAPE)
whole.sibling("completions-text-null", "The text is null.", put(TEXT, None), by=SHAPE)
whole.sibling("completions-text-empty", "The text is empty, and counted.", put(TEXT, ""), by="completions/counted-text-is-there")
whole.sibling("completions-answer-of-chat", "Choices hold a chat message.", edit(lambda document: [choice.update(message={"role": "assistant", "content": choice.pop("text")}) for choice in document["choices"]] and None), by=(SHAPE, "completions/choice-holds-*"))
stream.sibling("completions-chunk-of-chat", "Chunks hold a delta.", each(lambda chunk, number: [choice.update(delta={"content": choice.pop("text")}) for choice in chunk["choices"]]), by=STREAM_SHAPE)
whole.sibling("completions-prompts-joined", "Of two prompts one is answered.", forwarded(lambda body: body.update(prompt=body["prompt"][0]) if isinstance(body.get("prompt"), list) else None), by="completions/every-prompt-gets-*")
whole.sibling("completions-stop-ignored", "stop is ignored.", ignored("stop"), by="completions/stop-is-honoured")
whole.sibling("completions-max-tokens-ignored", "max_tokens is replaced by 60.", always("max_tokens", 60), by="chat/token-limit-*")
whole.sibling("completions-logprobs-of-chat", "logprobs have the form of chat.", change(LOGS, lambda given: given and {"content": []}), by=("completions/logprobs-*", SHAPE))
whole.sibling("completions-logprobs-shortened", "One list of the logprobs is shorter.", change(f"{LOGS}/token_logprobs", lambda given: given[:-1]), by="completions/logprobs-lists-*", verdict=WARNS)
whole.sibling("completions-logprobs-positive", "Log probabilities are percentages.", change(f"{LOGS}/token_logprobs", lambda given: [90.0 for _ in given]), by="completions/logprobs-are-logarithms")
whole.sibling("completions-total-wrong", "total_tokens is one too many.", change("/usage/total_tokens", lambda count: count + 1), by="chat/usage-adds-up")
whole.sibling("completions-usage-zero", "All counts are 0.", put("/usage/prompt_tokens", 0), put("/usage/completion_tokens", 0), put("/usage/total_tokens", 0), by="completions/tokens-are-counted")
whole.sibling("completions-usage-missing", "There is no usage.", drop("/usage"), by="completions/matches-schema")
whole.sibling("completions-indexes-zero", "All choices have index 0.", put("/choices/*/index", 0), by="chat/choice-indexes-*")
whole.sibling("completions-model-of-another-family", "Another family answers.", put("/model", "qwen-turbo"), by="chat/model-is-the-one-asked-for")
whole.sibling("completions-rejection-as-text", "A rejection comes as text.", put(TEXT, "[rejected] no capacity"), by="completions/rejection-is-no-text")
whole.sibling("completions-logprobs-of-another-text", "The tokens of the logprobs are not those of the text.", change(f"{LOGS}/tokens", lambda given: ["x" for _ in given]), by="completions/logprobs-are-of-*", verdict=WARNS)
whole.sibling("completions-echo-alone", "Nothing comes but the prompt that was to be echoed.", only(asks("/echo"), _answer_taken_off), by="completions/counted-text-*")
whole.sibling("completions-echo-unasked", "The prompt stands before every text.", only(without(asks("/echo")), _prompt_put_on), by="completions/prompt-is-not-*")
whole.sibling("completions-prompt-multiplied", "The prompt is counted once for each choice.", only(asks("/n", 2), change("/usage/prompt_tokens", lambda count: 2 * count), _added_up), by="usage/n-does-not-*")
whole.sibling("completions-id-constant", "Every answer has the same id.", put("/id", "cmpl-1"), by="chat/ids-of-two-*")
stream.sibling("completions-done-missing", "[DONE] is missing.", frames(lambda given: [frame for frame in given if not frame.done]), by="chat-stream/done-is-last")
stream.sibling("completions-finish-missing", "No chunk says how the text ended.", put(REASON, None), by="chat-stream/every-choice-*")
stream.harmless("completions-finish-twice", "The end comes twice, as the official server has been seen to send it.", double(finishes))
stream.sibling("completions-indexes-merged", "With n = 2 all chunks have index 0.", put("/choices/*/index", 0), by="chat-stream/choice-indexes-*")
stream.sibling("completions-usage-ignored", "include_usage is ignored.", ignored("stream_options"), by="chat-stream/usage-chunk-*")
stream.sibling("completions-usage-doubled", "The usage comes twice.", double(tells_usage), by="chat-stream/usage-chunk-*")
stream.sibling("completions-error-in-the-middle", "The stream ends with an error.", frames(lambda given: [*given[:5], Frame('{"error": {"message": "upstream", "type": "server_error"}}')]), by="chat-stream/stream-holds-no-error")
stream.sibling("completions-keepalive-event", "An event without data keeps the line open.", insert(b"event: keepalive\n\n", last), by="chat-stream/events-carry-data")
stream.sibling("completions-only-done", "The stream holds [DONE] alone.", leave_out(everywhere), by="chat-stream/stream-holds-an-answer")


def _sentinel(frame: Frame) -> Frame:
    twin = Frame(frame.data)
    twin.edit(lambda chunk: (chunk.update(id="cmpl-keepalive"), get(chunk, "/choices/0", dict, {}).update(text="")))
    return twin
