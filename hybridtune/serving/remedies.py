"""From a failed server's log to the lines that matter and what to do about them."""

import re

# Pattern in the log -> what to do. The first that matches is given.
REMEDIES = (
    (
        r"CUDA out of memory|OutOfMemoryError|not enough.*memory|"
        r"Free memory on device .* less than desired",
        "lower vllm.gpu_memory_utilization or vllm.max_model_len, or end what else uses the GPU",
    ),
    (
        r"No available memory for the cache blocks|KV cache is needed|"
        r"larger than the maximum number of tokens",
        "lower vllm.max_model_len, or raise vllm.gpu_memory_utilization (on a CPU: "
        "VLLM_CPU_KVCACHE_SPACE under env, in GiB)",
    ),
    (
        r"kv cache allocation is less than requested",
        "lower VLLM_CPU_KVCACHE_SPACE (GiB) under env, or end what else takes memory",
    ),
    (r"[Aa]ddress already in use", "choose another port, or end the process that holds this one"),
    (r"LoRA rank \d+ is greater", "set vllm.max_lora_rank to the adapter's rank"),
    (
        r"unrecognized arguments|invalid choice|expected (one|at least one) argument",
        "mend the names under vllm: they go to vLLM's command line as they are",
    ),
    (
        r"(is not a valid model identifier|not a local folder|does not appear to have a file named"
        r"|LocalEntryNotFound|couldn't connect|Repository Not Found|offline mode)",
        "check model.name; without hub access give a folder that holds the model",
    ),
    (r"gated repo|401 Client Error", "accept the model's terms at the hub and set HF_TOKEN"),
    (
        r"greater than the derived max_model_len",
        "lower vllm.max_model_len to what the model supports",
    ),
    (
        r"No module named '?vllm|ModuleNotFoundError",
        "run `hybridtune doctor`, then scripts/setup.sh",
    ),
    (r"torchvision|torchaudio|torchcodec", "uninstall torchvision, torchaudio and torchcodec"),
    (r"No space left on device", "free some disk space"),
    (
        r"exit code (137|-9)\b",
        "it was killed, most likely for want of memory: free some, or lower what it may take",
    ),
)
TELLING = re.compile(r"error|exception|fatal|killed|cannot|failed|invalid|unrecognized", re.I)
CHATTER = re.compile(r"^(\(\w+ pid=\d+\)\s*)?(INFO|DEBUG|WARNING)\b")
NOISE = re.compile(
    r"^\s*(File \"|Traceback|\^+|During handling|The above exception|For further information"
    r"|raise |\[--)"
)
PREFIX = re.compile(r"^\(\w+ pid=\d+\)\s*(ERROR|WARNING|INFO)?[\d\s:.-]*(\[[^\]]*\])?\s*")


def telling_lines(log: str, most: int = 6) -> list[str]:
    """The last useful lines of a log: those that speak of failure, else just the last ones."""
    lines = [line for line in log.splitlines() if not CHATTER.match(line)]
    lines = [PREFIX.sub("", line).rstrip() for line in lines]
    lines = [line for line in lines if line.strip() and not NOISE.search(line)]
    telling = [line.strip() for line in lines if TELLING.search(line)] or lines
    return [line[:300] for line in list(dict.fromkeys(telling))[-most:]]


def remedy(log: str) -> str | None:
    """What most likely helps, or None where we have never seen this."""
    for pattern, advice in REMEDIES:
        if re.search(pattern, log):
            return advice
    return None
