"""Cases for relayproof/rules/images.py."""

import base64
import json
from dataclasses import replace
from typing import Any

from cases.audio import edited, typed
from cases.build import Case, answered, changed, events
from cases.served import get, post
from relayproof import pictures
from relayproof.exchange import Exchange
from relayproof.probes.media_samples import mask, picture

PATH = "/v1/images/generations"


def painted(name: str = "gpt-image-1", **fields: Any) -> Exchange:
    """A picture of the reference relay; 256 pixels of dall-e-2 are enough where the model does not matter."""
    return post(PATH, {"model": name, "prompt": "A red circle."} | fields)


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


SMALL = pictures.paint("png", (64, 64))
ONE = painted("dall-e-2", size="256x256", response_format="b64_json", n=1)
TWO = painted("dall-e-2", size="256x256", response_format="b64_json", n=2)
COUNTED = painted(size="1024x1024", quality="low")
LINKED = painted("dall-e-3", response_format="url")
PUBLIC = replace(LINKED, request=replace(LINKED.request, headers=(("host", "api.relay.example"),)))
PUBLIC = changed(PUBLIC, "/data/0/url", "https://cdn.relay.example/files/1.png")
JPEG = painted(output_format="jpeg")
STREAMED = painted(stream=True, partial_images=2)
NOW = replace(LINKED, expect={"now": int(LINKED.json["created"])})
EDITED = post(
    "/v1/images/edits",
    form=[
        ("image", picture()),
        ("mask", mask()),
        ("model", "dall-e-2"),
        ("prompt", "Blue."),
        ("size", "256x256"),
        ("response_format", "b64_json"),
    ],
)
BEHIND = get("/v1/files/pictures/7/256x256.png", expect={"linked": "256x256", "made_by": "dall-e-2"})
UNKNOWN = {"error": {"message": "Unknown parameter: 'response_format'.", "type": "invalid_request_error",
                     "param": "response_format", "code": "unknown_parameter"}}  # fmt: skip
REFUSED = painted(response_format="url")
TWO_OF_3 = painted("dall-e-3", n=2)
HALF = answered(replace(TWO_OF_3, response=LINKED.response))
REPEATED = changed(TWO, "/data/1/b64_json", TWO.json["data"][0]["b64_json"])
OTHER_WAY = json.loads(json.dumps(events(STREAMED)).replace("image_generation.", "image_edit."))

BARE = answered(BEHIND, headers=(("content-type", "application/octet-stream"),))
BOTH = changed(LINKED, "/data/0/b64_json", coded(pictures.paint("png", (1024, 1024))))
WRONG_FORM = painted("dall-e-2", size="256x256", response_format="url")
WRONG_FORM = replace(ONE, response=WRONG_FORM.response)
REPAINTED = changed(EDITED, "/data/0/b64_json", coded(pictures.paint("png", (256, 256), 9)))

CASES = [
    Case("images/matches-schema", LINKED, changed(LINKED, "/created")),
    Case("images/matches-schema", LINKED, changed(LINKED, "/created", 1_738_749_745_824)),
    Case("images/matches-schema", ONE, changed(ONE, "/data/0/b64_json", "data:image/png;base64," + coded(SMALL))),
    Case("images/matches-schema-openai", COUNTED, changed(COUNTED, "/usage/input_tokens_details")),
    Case("images/event-matches-schema", STREAMED, edited(STREAMED, 0, b64_json=None)),
    Case("images/event-matches-schema-openai", STREAMED, edited(STREAMED, 0, quality="best")),
    Case("images/n-is-honoured", TWO, changed(TWO, "/data", TWO.json["data"][:1])),
    Case("images/a-picture-comes-in-one-form", LINKED, BOTH),
    Case("images/response-format-is-honoured", ONE, WRONG_FORM),
    Case("images/response-format-is-accepted", LINKED, answered(LINKED, UNKNOWN, status=400)),
    Case("images/gpt-image-refuses-response-format", REFUSED, replace(REFUSED, response=COUNTED.response)),
    Case("images/dall-e-3-makes-one-picture", TWO_OF_3, HALF),
    Case("images/base64-is-a-picture", ONE, changed(ONE, "/data/0/b64_json", coded(SMALL[:60]))),
    Case("images/output-format-is-honoured", JPEG, replace(JPEG, response=COUNTED.response)),
    Case("images/size-is-honoured", ONE, changed(ONE, "/data/0/b64_json", coded(SMALL))),
    Case("images/answer-names-what-was-asked-for", COUNTED, changed(COUNTED, "/quality", "high")),
    Case("images/created-is-now", NOW, replace(NOW, expect={"now": int(LINKED.json["created"]) + 10 * 86_400})),
    Case("images/dall-e-3-tells-its-prompt", LINKED, changed(LINKED, "/data/0/revised_prompt")),
    Case("images/usage-is-given", COUNTED, changed(COUNTED, "/usage")),
    Case("images/usage-adds-up", COUNTED, changed(COUNTED, "/usage/total_tokens", 1)),
    Case("images/pictures-differ", TWO, REPEATED),
    Case("images/stream-is-honoured", STREAMED, replace(COUNTED, request=STREAMED.request)),
    Case("images/stream-ends-with-the-picture", STREAMED, typed(STREAMED, events(STREAMED)[1:])),
    Case("images/events-are-those-of-the-request", STREAMED, typed(STREAMED, OTHER_WAY)),
    Case("images/link-leads-to-a-public-place", PUBLIC, changed(PUBLIC, "/data/0/url", "http://localhost:3000/1.png")),
    Case("images/link-shows-the-picture", BEHIND, answered(BEHIND, SMALL)),
    Case("images/linked-picture-is-labelled", BEHIND, BARE),
    Case("images/linked-picture-is-labelled", BEHIND, answered(BEHIND, headers=(("content-type", "image/webp"),))),
    Case("images/unused-keys-are-left-out", LINKED, changed(LINKED, "/data/0/b64_json", "")),
    Case("images/mask-is-honoured", EDITED, REPAINTED),
]  # fmt: skip
