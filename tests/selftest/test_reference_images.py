"""The official SDK against the reference relay: pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import openai
import pytest

from relayproof import pictures
from relayproof.probes.media_samples import mask, picture
from relayproof.reference import KEY, serving

BEFORE, MASK = ("before.png", picture().data), ("mask.png", mask().data)


@pytest.fixture(scope="module")
def sdk() -> Iterator[openai.OpenAI]:
    with serving() as url, openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def read(coded: str | None) -> pictures.Picture | None:
    return pictures.read(base64.b64decode(coded or ""))


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_gpt_image_paints_as_many_as_asked_in_the_asked_form_and_counts_them(sdk: openai.OpenAI, form: str) -> None:
    answer = sdk.images.generate(
        model="gpt-image-1", prompt="A dog.", n=2, size="1536x1024", quality="low", output_format=form  # type: ignore[call-overload]
    )  # fmt: skip
    assert [read(each.b64_json) for each in answer.data] == [pictures.Picture(form, 1536, 1024)] * 2
    assert answer.data[0].b64_json != answer.data[1].b64_json
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_dall_e_3_links_to_a_picture_that_needs_no_key(sdk: openai.OpenAI) -> None:
    answer = sdk.images.generate(model="dall-e-3", prompt="A dog.", size="1792x1024")
    assert answer.data is not None
    link = answer.data[0].url
    assert link is not None
    assert answer.data[0].revised_prompt
    shown = httpx.get(link)
    assert shown.headers["content-type"] == "image/png"
    assert pictures.read(shown.content) == pictures.Picture("png", 1792, 1024)


def test_an_edit_leaves_what_the_mask_covers(sdk: openai.OpenAI) -> None:
    answer = sdk.images.edit(
        model="dall-e-2", image=BEFORE, mask=MASK, prompt="Blue.", size="256x256", response_format="b64_json"
    )
    assert answer.data is not None
    after = base64.b64decode(answer.data[0].b64_json or "")
    assert (pictures.difference(BEFORE[1], after, MASK[1]) or 0) < 1
    assert after != BEFORE[1]


def test_several_pictures_may_be_edited_at_once(sdk: openai.OpenAI) -> None:
    answer = sdk.images.edit(model="gpt-image-1", image=[BEFORE, BEFORE], prompt="Blue.")
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.image_tokens > 0


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_variations_are_as_many_as_asked(sdk: openai.OpenAI) -> None:
    answer = sdk.images.create_variation(image=BEFORE, n=2, size="256x256")
    assert len(answer.data or []) == 2


def test_a_stream_shows_previews_and_then_the_picture(sdk: openai.OpenAI) -> None:
    stream = sdk.images.generate(model="gpt-image-1", prompt="A dog.", stream=True, partial_images=2)
    first, second, last = list(stream)
    assert (first.type, second.type) == ("image_generation.partial_image",) * 2
    assert last.type == "image_generation.completed"
    assert read(last.b64_json) == pictures.Picture("png", 1024, 1024)


def test_a_clear_ground_is_painted_where_the_form_has_one(sdk: openai.OpenAI) -> None:
    answer = sdk.images.generate(model="gpt-image-1", prompt="A dog.", background="transparent")
    assert answer.background == "transparent"
    with pytest.raises(openai.BadRequestError, match="transparent"):
        sdk.images.generate(model="gpt-image-1", prompt="A dog.", background="transparent", output_format="jpeg")


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        ("dall-e-3", {"n": 2}, "n"),
        ("gpt-image-1", {"size": "512x512"}, "size"),
        ("gpt-image-1", {"response_format": "url"}, "response_format"),
        ("dall-e-2", {"size": "3x3"}, "size"),
    ],
)
def test_what_a_model_does_not_do_is_refused(
    sdk: openai.OpenAI, model: str, fields: dict[str, object], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.images.generate(model=model, prompt="A dog.", extra_body=fields)
    assert refused.value.param == param
