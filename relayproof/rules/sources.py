"""The documents that rules come from. A judgement of our own says OBSERVED, never the name of a specification."""

from relayproof.rule import Source

OPENAI_OPENAPI = "OpenAI OpenAPI document 2.3.0"
CHAT_OBJECT = Source(OPENAI_OPENAPI, "CreateChatCompletionResponse")
CHAT_CHUNK = Source(OPENAI_OPENAPI, "CreateChatCompletionStreamResponse")
CHAT_REQUEST = Source(OPENAI_OPENAPI, "CreateChatCompletionRequest")
COMPLETION_USAGE = Source(OPENAI_OPENAPI, "CompletionUsage")
MODEL_LIST = Source(OPENAI_OPENAPI, "ListModelsResponse")
MODEL = Source(OPENAI_OPENAPI, "Model")
ERROR = Source(OPENAI_OPENAPI, "ErrorResponse")
ERROR_CODES = Source("OpenAI API guide", "Error codes")
HTTP = Source("RFC 9110", "HTTP semantics")
HTTP_AUTH = Source("RFC 9110", "15.5.2 401 Unauthorized")
JSON_UTF8 = Source("RFC 8259", "8.1 Character encoding")
SSE = Source("WHATWG HTML", "9.2 Server-sent events")
CORS = Source("WHATWG Fetch", "3.3 CORS protocol")
OPENAI_PYTHON = Source("openai-python 3.54.0", "openai/_streaming.py")
NEW_API = Source("QuantumNous/new-api f4f144bc", "types/error.go")
OBSERVED = Source("relayproof", "observed on real relays and confirmed on the wire", "2026-11-23")
