"""Cases for relayproof/rules/clients.py."""

from dataclasses import replace

from cases.anthropic import message
from cases.anthropic_stream import PLAIN as MESSAGE_STREAM
from cases.build import Case, answered, changed, chat, chat_stream, exchange
from cases.gemini import streamed, whole
from relayproof import sdk
from relayproof.exchange import Exchange
from relayproof.reference.models import card
