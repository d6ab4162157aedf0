"""Pictures."""

from __future__ import annotations

import base64
import datetime

from relayproof.faults.document import change, drop, edit, only, put
from relayproof.faults.fault import WARNS, Family
from relayproof.faults.media import png
from relayproof.faults.parameters import asks, forwarded, ignored, openai_error, refused
from relayproof.faults.reply import header, instead
from relayproof.faults.stream import drop as leave_out
from relayproof.faults.stream import last
from relayproof.surface import IMAGES, OTHER

# fmt: off
# A table: a row is a line.

SHAPE = "images/matches-schema"
images = Family("images", (IMAGES,))
links = Family("images", (OTHER,), (IMAGES,), when=lambda answer: "/files/pictures/" in answer.asked.path)
CODED = "/data/*/b64_json"
SMALL = base64.b64encode(png(512, 512)).decode()

images.seen("images-response-format-rejected", "response_format is refused, although documented.",
            refused(400, openai_error("Unknown parameter: 'response_format'.", code="unknown_parameter", param="response_format"), asks("/response_format")), by="images/response-format-is-accepted", verdict=WARNS)
images.seen("images-created-missing", "`created` is missing.", drop("/created"), by=SHAPE)
images.seen("images-n-ignored", "n is ignored.", change("/data", lambda data: data[:1]), by="images/n-is-honoured")
images.seen("images-b64-with-data-uri", "b64_json begins as a data URL.", change(CODED, lambda text: f"data:image/png;base64,{text}"), by=(SHAPE, "images/base64-is-a-picture"))
images.seen("images-size-ignored", "The picture has another size.", change(CODED, lambda text: SMALL), by="images/size-is-honoured")
images.sibling("images-created-milliseconds", "`created` counts milliseconds.", change("/created", lambda at: at * 1000), by=(SHAPE, "images/created-*"))
images.sibling("images-created-date", "`created` is a date.", put("/created", datetime.date(2026, 1, 1).isoformat()), by=SHAPE)
images.sibling("images-created-1970", "`created` is of 1970.", put("/created", 4711), by="images/created-*")
images.sibling("images-data-missing", "`data` is missing.", drop("/data"), by=SHAPE)
images.sibling("images-data-null", "`data` is null.", put("/data", None), by=SHAPE)
images.sibling("images-data-empty", "`data` is empty.", put("/data", []), by=("images/n-is-honoured", SHAPE))
images.sibling("images-one-too-many", "One picture too many comes.", change("/data", lambda data: [*data, data[0]]), by="images/n-is-honoured")
images.sibling("images-same-twice", "n = 2 gets one picture twice.", change("/data", lambda data: [data[0] for _ in data]), by="images/pictures-differ", verdict=WARNS)
images.sibling("images-neither-form", "A picture has no link and no bytes.", drop(CODED), drop("/data/*/url"), by=("images/a-picture-comes-*", SHAPE))
images.sibling("images-both-forms-empty", "Both forms are empty.", put(CODED, ""), put("/data/*/url", ""), by=("images/a-picture-comes-*", "images/base64-*", SHAPE))
images.sibling("images-link-for-base64", "A link comes where base64 was asked for.",
               only(asks("/response_format", "b64_json"), edit(lambda document: [each.update(url="https://cdn.example/a.png") for each in document["data"] if each.pop("b64_json")] and None)), by="images/response-format-is-honoured", verdict=WARNS)
images.sibling("images-base64-broken", "b64_json breaks off.", change(CODED, lambda text: text[: len(text) // 2]), by="images/base64-is-a-picture")
images.sibling("images-base64-page", "b64_json holds a web page.", put(CODED, base64.b64encode(b"<html>404</html>").decode()), by="images/base64-*")
images.sibling("images-link-localhost", "A link leads to the relay's own machine.", change("/data/*/url", lambda _: "http://localhost:3000/images/a.png"), by="images/link-leads-*")
images.sibling("images-link-relative", "A link has no host.", change("/data/*/url", lambda _: "/images/a.png"), by="images/link-leads-*")
images.sibling("images-link-private", "A link leads to an inner network.", change("/data/*/url", lambda _: "http://10.1.2.3/images/a.png"), by="images/link-leads-*")
images.sibling("images-format-ignored", "output_format is ignored.", ignored("output_format"), by="images/output-format-*")
images.sibling("images-size-dropped", "`size` is not passed on.", forwarded(lambda body: body.update(size="1536x1024") if "size" in body and "gpt-image" in body["model"] else None), by="images/size-is-honoured")
images.sibling("images-stream-ignored", "stream: true gets a whole answer.", ignored("stream", "partial_images"), by="images/stream-is-honoured", verdict=WARNS)
images.sibling("images-stream-unfinished", "A stream of pictures never ends.", leave_out(last), by="images/stream-ends-*")
images.sibling("images-usage-wrong", "total_tokens is not the sum.", change("/usage/total_tokens", lambda count: count + 5), by="images/usage-adds-up")
images.harmless("images-empty-keys", "The key that is not used is an empty text.", change("/data/*", lambda entry: {"url": "", "b64_json": ""} | entry))
images.harmless("images-no-edits", "There are no edits.", only(lambda answer: answer.asked.path.endswith("/edits"), instead(openai_error("API not implemented", code="api_not_implemented"), 501)))
links.sibling("images-link-without-type", "The picture behind a link is labelled as bare bytes.", header("content-type", "application/octet-stream"), by="images/linked-picture-*", verdict=WARNS)
links.sibling("images-link-behind-a-login", "The picture behind a link is refused.", instead(openai_error("no key"), 401), by="images/link-shows-*")
links.sibling("images-link-to-a-page", "A page stands behind a link.", instead("<html>sign in</html>", 200, "text/html"), by="images/link-shows-*")
images.harmless("images-extra-keys", "Keys that nobody knows stand there.", put("/provider", "x"))
images.harmless("images-revised-prompt", "The prompt was revised.", put("/data/*/revised_prompt", "A plain red circle."))
