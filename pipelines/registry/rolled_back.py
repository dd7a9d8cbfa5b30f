"""Model versions that a person rolled back: a tag on the version; they are not promoted again."""

from __future__ import annotations

from pipelines.config import DeploymentPaths
from pipelines.registry.lookup import connect, registered, registry_errors
from pipelines.registry.named import ROLLED_BACK_TAG


def mark_rolled_back(version: str, reason: str, paths: DeploymentPaths, model_name: str) -> None:
    """Mark a version as rolled back. Raises RegistryError."""
    with registry_errors(f"version {version} could not be marked as rolled back"):
        connect(paths).set_model_version_tag(model_name, version, ROLLED_BACK_TAG, reason)


def clear_rolled_back(version: str, paths: DeploymentPaths, model_name: str) -> None:
    """A person lets the version serve again; no mark is no error. Raises RegistryError."""
    if version not in rolled_back_versions(paths, model_name):
        return
    with registry_errors(f"the mark of version {version} could not be removed"):
        connect(paths).delete_model_version_tag(model_name, version, ROLLED_BACK_TAG)


def rolled_back_versions(paths: DeploymentPaths, model_name: str) -> dict[str, str]:
    """Version -> bundle id of everything that was rolled back. Raises RegistryError."""
    with registry_errors("the versions that were rolled back could not be listed"):
        found = connect(paths).search_model_versions(f"name = '{model_name}'", max_results=10_000)
    return {str(v.version): registered(v).bundle_id for v in found if ROLLED_BACK_TAG in v.tags}
