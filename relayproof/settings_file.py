"""A first relayproof.toml for a relay, commented, from what its model list says."""

from __future__ import annotations

import json

from relayproof import session
from relayproof.offers import choose_models
from relayproof.probes import load
from relayproof.relay import Relay
from relayproof.surface import MODELS, SURFACES

HEAD = """\
# Settings of relayproof for one relay. The key is not here: it comes from an environment variable.

[relay]
url = {url}
profile = {profile}  # or "openai", the official contract, without mercy for habits of one-api
# What this relay promises. What stands here and does not work fails; what does not stand here is not asked for.
offers = {offers}

# The model to ask on each surface. Cheap ones do.
[models]
"""
TAIL = """
# Failures that you know of. A run is not red for them; it is when one of them is gone (so that this list stays true).
# [[known]]
# rule = "chat/n-is-honoured"
# reason = "the Claude channel has no n; ticket 17"
# until = 2027-06-30

# [headers]
# X-Group = "default"

# [limits]
# requests = 200
# tokens = 20000
# spend = "cents"
"""


def draft(relay: Relay) -> tuple[str, str]:
    """(the file's text, what went wrong or ""). Sends one request: GET /v1/models."""
    listing = [probe for probe in load().values() if probe.surface == MODELS and probe.basic]
    gathered = session.run(relay, listing)
    answer = next((each for each in gathered.exchanges if session.holds_a_list(each)), None)
    models = choose_models(answer, relay) if answer else dict(relay.models)
    offers = [surface for surface in SURFACES if surface in models or surface in (MODELS, "errors")]
    head = HEAD.format(url=json.dumps(relay.url), profile=json.dumps(relay.profile), offers=json.dumps(offers))
    lines = [f"{surface} = {json.dumps(model, ensure_ascii=False)}\n" for surface, model in models.items()]
    problem = "" if answer else f"the model list could not be read ({_why(gathered)}): fill in [models] by hand"
    return head + "".join(lines) + TAIL, problem


def _why(gathered: session.Run) -> str:
    return session.outcome_of(gathered.exchanges[0]) if gathered.exchanges else "nothing was sent"
