"""The client for OpenAI-compatible servers: cached, bounded, retried, validated.

On aiohttp, because a request costs it a twentieth of the CPU that the vendor's SDK takes. One
`Client` is one role in one stage; all answers pass through the run's request cache.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import aiohttp

from hybridtune.calls import AnswerCache, Call, call_key, content_of, written
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.chat.model import ChatReply, ChatRequest
from hybridtune.chat.structured import Mode, correction, parse_json, response_format
from hybridtune.chat.wire import error_text, read_completion, seconds_of
from hybridtune.config.servers import Limits
from hybridtune.errors import AnswerError, CallError, ServerError
from hybridtune.records import Message
from hybridtune.seeds import derive

RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
OVERLOADED = frozenset({408, 429, 503, 529})
REFUSED = frozenset({401, 402, 403, 404})
NO_CREDIT = "insufficient_quota"
"""The error code of a 429 that no waiting ends."""
LONGEST_PAUSE_S = 60.0
AVOIDED_S = 5.0
"""A replica that fails at once would otherwise always be the least busy one."""
LONGEST_RETRY_AFTER_S = 900.0
Read = TypeVar("Read")


@dataclass
class Endpoint:
    """A server as the client sees it.

    Attributes:
        kind: "managed", "attached" or "scripted".
        base_url: up to and including `/v1`.
        model: name that requests carry when they name none.
        identities: what each served model *is*, by name ("*" for any): digests for the cache key.
        api_key: sent in the header, kept out of every text.
        replicas: further addresses of the same models, which the cache key does not tell apart.
    """

    kind: str
    base_url: str
    model: str
    limits: Limits
    identities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    api_key: str | None = field(default=None, repr=False)
    replicas: tuple[str, ...] = ()

    @property
    def most(self) -> int:
        """Requests that may be under way at once, at all addresses together."""
        return self.limits.max_concurrency * (1 + len(self.replicas))

    def identity(self, model: str) -> Mapping[str, Any]:
        """What the cache key says of a served model."""
        known = self.identities.get(model) or self.identities.get("*")
        return known or {"endpoint": self.base_url, "model": model}


@dataclass(eq=False)
class Complaint(Exception):
    """One try that failed and may work the next time."""

    what: str
    pause_s: float | None = None
    overloaded: bool = False
    unreachable: bool = False


class Client:
    """Answers requests from the cache, else from the server. See `ChatModel` for the errors."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        endpoint: Endpoint,
        calls: AnswerCache,
        limiter: AdaptiveLimiter,
        *,
        stage: str,
        role: str,
        structured: Mode = "json_schema",
        backoff_s: float = 0.5,
    ) -> None:
        self.http, self.endpoint, self.calls, self.limiter = http, endpoint, calls, limiter
        self.stage, self.role, self.structured = stage, role, structured
        self.backoff_s = backoff_s
        self.jitter = random.Random(0)
        self.busy = dict.fromkeys((endpoint.base_url, *endpoint.replicas), 0)
        self.contents: dict[str, str] = {}
        self.responses = 0
        self.answered = False

    @property
    def description(self) -> dict[str, Any]:
        """What records say of the model: its kind, name and identity."""
        model = self.endpoint.model
        return {
            "kind": self.endpoint.kind,
            "name": model,
            "identity": dict(self.endpoint.identity(model)),
        }

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Answer one request; JSON is validated and re-asked a bounded number of times."""
        messages = request.messages
        problem, spent = "", Counter[str]()
        for reask in range(request.reasks + 1 if request.schema is not None else 1):
            reply = await self._ask(request, messages, reask)
            if request.schema is None:
                return reply
            spent["calls"] += 1
            spent["prompt_tokens"] += reply.prompt_tokens
            spent["completion_tokens"] += reply.completion_tokens
            try:
                if reply.finish_reason == "length":
                    raise ValueError("it was cut off at the token limit; be briefer")
                data = parse_json(reply.text, request.schema)
                return replace(
                    reply,
                    data=data,
                    tries=spent["calls"],
                    prompt_tokens=spent["prompt_tokens"],
                    completion_tokens=spent["completion_tokens"],
                )
            except ValueError as error:
                problem = str(error)
                messages = (*request.messages, *correction(reply.text, problem))
        raise AnswerError(
            f"{request.task}: no usable answer in {request.reasks + 1} tries: {problem}",
            spent=spent,
        )

    async def _ask(
        self, request: ChatRequest, messages: tuple[Message, ...], reask: int
    ) -> ChatReply:
        body = self._body(request, messages)
        if reask and request.seed is not None:
            # A model that repeats its mistake makes the next re-ask equal: draw it anew.
            body["seed"] = derive(request.seed, "reask", reask)
        model, sent = body["model"], written(body)
        key = call_key(self._content(model), sent, request.sample, reask)
        answer = await self.calls.find(key)
        cached = answer is not None
        if answer is None:
            started = time.monotonic()
            fresh = await self.send("chat/completions", sent.encode(), read_completion)
            call = Call(self.stage, self.role, request.task, model, sent)
            answer = await self.calls.keep(key, fresh, call, time.monotonic() - started)
        return ChatReply(
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            call_id=key,
            cached=cached,
        )

    def _content(self, model: str) -> str:
        """What the served model is, as the cache key has it."""
        if model not in self.contents:
            self.contents[model] = content_of(self.endpoint.identity(model))
        return self.contents[model]

    def _body(self, request: ChatRequest, messages: tuple[Message, ...]) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": request.model or self.endpoint.model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None:
            body |= response_format(self.structured, request.task, request.schema)
        if self.endpoint.kind == "scripted":
            body["hybridtune"] = {"task": request.task, "inputs": dict(request.inputs)}
        return body | dict(sorted(sampling.extra.items()))

    async def send(self, path: str, body: bytes, read: Callable[[str], Read]) -> Read:
        """Post to a path under the server's address; again, where that may help.

        Args:
            path: e.g. `chat/completions`.
            body: JSON.
            read: makes something of an answer's text; a ValueError says why it cannot.

        Raises:
            CallError: this request failed for good.
            ServerError: the server cannot be reached or refuses us.
        """
        tries = self.endpoint.limits.retries + 1
        before = self.responses
        for attempt in range(tries):
            try:
                async with self.limiter as sent_at:
                    answer = await self._post(path, body, read)
                self.limiter.succeed()
                return answer
            except Complaint as complaint:
                if complaint.overloaded:
                    self.limiter.back_off(sent_at)
                if attempt == tries - 1:
                    # A server that has answered anything meanwhile is there: this call failed.
                    gone = complaint.unreachable and self.responses == before
                    text = f"{complaint.what}, after {tries} tries"
                    raise (ServerError if gone else CallError)(text) from None
                await asyncio.sleep(self._pause(attempt, complaint))
        raise AssertionError("unreachable")

    def _pause(self, attempt: int, complaint: Complaint) -> float:
        """Full jitter over an exponential ceiling; a server's own word goes before it."""
        if complaint.pause_s is not None:
            asked = min(LONGEST_RETRY_AFTER_S, complaint.pause_s)
            return asked + self.jitter.uniform(0, self.backoff_s / 2)
        ceiling = min(LONGEST_PAUSE_S, self.backoff_s * 2**attempt)
        return self.jitter.uniform(self.backoff_s / 5, ceiling)

    async def _post(self, path: str, body: bytes, read: Callable[[str], Read]) -> Read:
        """To the least busy address; one that cannot be reached counts as busy for a while."""
        address = min(self.busy, key=lambda each: self.busy[each])
        self.busy[address] += 1
        busy_s = 0.0
        try:
            return await self._post_to(f"{address}/{path}", body, read)
        except Complaint as complaint:
            busy_s = AVOIDED_S if complaint.unreachable else 0.0
            raise
        finally:
            if busy_s:
                asyncio.get_running_loop().call_later(busy_s, self._release, address)
            else:
                self._release(address)

    def _release(self, address: str) -> None:
        self.busy[address] -= 1

    async def _post_to(self, url: str, body: bytes, read: Callable[[str], Read]) -> Read:
        key = self.endpoint.api_key
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        timeout = aiohttp.ClientTimeout(total=self.endpoint.limits.timeout_s)
        try:
            async with self.http.post(url, data=body, headers=headers, timeout=timeout) as response:
                text = (await response.read()).decode(errors="replace")
                self.responses += 1
                status, after = response.status, response.headers.get("Retry-After")
        except TimeoutError:
            seconds = self.endpoint.limits.timeout_s
            raise Complaint(f"{url}: no answer in {seconds:g} s", overloaded=True) from None
        except (aiohttp.ClientError, OSError) as error:
            reason = error_text(str(error) or type(error).__name__, key)
            raise Complaint(f"{url}: {reason}", unreachable=True) from None
        if status == 200:
            try:
                answer = read(text)
            except ValueError as error:
                raise Complaint(f"{url}: {error}: {error_text(text, key)}") from None
            self.answered = True
            return answer
        what = f"{url} answered {status}: {error_text(text, key)}"
        if status == 429 and NO_CREDIT in text:
            raise ServerError(what)
        if status == 403 and self.answered:
            # The key is good, so this one request was refused, for its content perhaps.
            raise CallError(what, status=status)
        if status in RETRIED:
            raise Complaint(what, pause_s=seconds_of(after), overloaded=status in OVERLOADED)
        if status in REFUSED:
            raise ServerError(what)
        raise CallError(what, status=status)
