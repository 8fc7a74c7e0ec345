"""A finished folder to the Hugging Face hub: only where the user asks for it by name."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, HTTPError

from hybridtune.errors import StageError


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
