"""Models behind an OpenAI-compatible endpoint: vision and language, embeddings, speech.

`endpoint.py` does the talking; the others say what to ask and read the answers.
"""

from aiortstream.local.ai.openai.chat import OpenAiDescriber, OpenAiJudge, OpenAiSummariser
from aiortstream.local.ai.openai.embedding import OpenAiEmbedder
from aiortstream.local.ai.openai.endpoint import EndpointError, OpenAiEndpoint
from aiortstream.local.ai.openai.speech import OpenAiTranscriber

__all__ = [
    "EndpointError",
    "OpenAiDescriber",
    "OpenAiEmbedder",
    "OpenAiEndpoint",
    "OpenAiJudge",
    "OpenAiSummariser",
    "OpenAiTranscriber",
]
