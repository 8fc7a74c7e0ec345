"""Talking to models: requests, replies, and the client for OpenAI-compatible servers."""

from hybridtune.chat.model import ChatModel, ChatReply, ChatRequest

__all__ = ["ChatModel", "ChatReply", "ChatRequest"]
