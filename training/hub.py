"""The Hugging Face hub: is it there? And a finished folder to it, where the user asks for it."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HFValidationError, HTTPError

from hybridtune.errors import StageError


@contextmanager
def asked_once() -> Iterator[None]:
    """Where the hub cannot be reached, only its cache is asked: no minute of retries for each file.

    Behind a proxy the hub is asked in any case.
    """
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not (getproxies() or reachable(constants.ENDPOINT))
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def reachable(address: str, timeout_s: float = 5.0) -> bool:
    """Whether anybody answers at an address."""
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def push(folder: Path, repository: str) -> str:
    """Upload a folder to a repository, made private where there is none yet; returns its address.

    Raises:
        StageError: the hub refused, or could not be reached; the folder stays as it is.
    """
    api = HfApi()
    try:
        api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(folder_path=folder, repo_id=repository, commit_message="Upload model")
    except (HTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StageError(
            f"cannot push to {repository}: {reason} (the folder {folder} is whole; set HF_TOKEN to "
            f"a token that may write, then: hf upload {repository} {folder})"
        ) from None
    return f"{api.endpoint}/{repository}"
