"""Reported faults that are not injected, each with the reason."""

from relayproof.faults.fault import cannot_be_seen

cannot_be_seen(
    "billing-client-gone-prompt-estimate",
    "What is charged when a client leaves stands in the relay's ledger only; no answer of the API shows it.",
)
cannot_be_seen(
    "billing-local-recount-after-break",
    "It needs an upstream that breaks in the middle of an answer; a client can't make one do so, and an answer that "
    "broke is itself the failure that is told.",
)
cannot_be_seen(
    "chat-cached-tokens-always-zero",
    "Through chat completions no cache hit is promised, and a prompt that could be cached is long: zero, twice, proves "
    "nothing. Claude's own endpoint, where cache_control asks for it, is measured.",
)
