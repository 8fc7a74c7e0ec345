"""From a failed training's log to the lines that matter and what to do about them."""

import re

# Pattern in the log -> what to do. The first that matches is given.
REMEDIES = (
    (
        r"CUDA out of memory|OutOfMemoryError|DefaultCPUAllocator: can't allocate|MemoryError",
        "lower training.max_length, set training.quantization: {load_in_4bit: true}, or train on "
        "a larger GPU",
    ),
    (
        # torch's writer of archives does not pass on what the system said.
        r"No space left on device|File too large|unexpected pos \d+ vs|basic_ios::clear",
        "free disk space, or raise `ulimit -f`: the same command goes on from the last good "
        "checkpoint",
    ),
    (
        r"is not a valid model identifier|does not appear to have a file named|LocalEntryNotFound"
        r"|couldn't connect|Repository Not Found|offline mode",
        "check model.name; without hub access give a folder that holds the model",
    ),
    (
        r"GatedRepoError|401 Client Error|403 Client Error",
        "accept the model's terms on the hub, and set HF_TOKEN",
    ),
    (
        r"[Aa]ddress already in use|EADDRINUSE",
        "give accelerate another port: training.accelerate_args: [--main_process_port, '0']",
    ),
    (
        r"launch command: error: ",
        "mend training.accelerate_args: they go to `accelerate launch` as they are",
    ),
)
ERROR = re.compile(r"^(error: .*|[\w.]*(Error|Exception|Interrupt)\b.*|.* command: error: .*)$")


def telling_lines(text: str, most: int = 3) -> list[str]:
    """The last lines of a log that name an error."""
    found = [line.strip()[:500] for line in text.splitlines() if ERROR.match(line.strip())]
    return list(dict.fromkeys(found))[-most:]


def remedy(text: str) -> str | None:
    """What most likely helps."""
    return next((advice for pattern, advice in REMEDIES if re.search(pattern, text)), None)
