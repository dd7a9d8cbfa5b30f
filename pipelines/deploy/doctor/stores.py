"""S3 with the keys in use: they may what they must in their own buckets, and nothing elsewhere."""

from __future__ import annotations

from uuid import uuid4

from pipelines.deploy.doctor.finding import Finding, Scene
from pipelines.errors import StoreError

_OURS = ("DENGUARD_ARTIFACTS_URI", "DENGUARD_DVC_REMOTE")
_PROBES = ".denguard-doctor"
_OTHERS_URI = "s3://mlflow"  # MLflow's own bucket, of which the pipeline's keys are to know nothing


def s3(scene: Scene) -> list[Finding]:
    """Put, read, list and delete one small object in each bucket."""
    uris = [uri for name in _OURS if (uri := scene.variable(name)).startswith("s3://")]
    if not uris:
        return [Finding("skip", "S3", "no address of a bucket is set here")]
    try:
        for uri in uris:
            _use(uri)
    except StoreError as err:
        return [Finding("fail", "S3", f"{err.what} ({err.where})", err.fix)]
    except ImportError:
        fix = "install denguard[s3] with requirements.lock"
        return [Finding("fail", "S3", "boto3 is not installed here", fix)]
    if _reads(_OTHERS_URI) and not any(uri.startswith(_OTHERS_URI) for uri in uris):
        fix = "give these keys the right to their own buckets alone (docs/storage.md)"
        return [Finding("warn", "S3", f"the pipeline's keys may list {_OTHERS_URI}, too", fix)]
    return [Finding("ok", "S3", f"objects were put, read, listed and deleted at {', '.join(uris)}")]


def _use(uri: str) -> None:
    from pipelines.storage.s3 import S3

    store, name = S3(uri), uuid4().hex
    key, raw = f"{_PROBES}/{name}", name.encode()
    store.write(key, raw)
    try:
        if store.read(key) != raw or name not in store.names(_PROBES):
            fix = "look at the server's log, and at what stands before it"
            raise StoreError("an object that was put is not read or listed", where=uri, fix=fix)
    finally:
        store.delete(key)


def _reads(uri: str) -> bool:
    from pipelines.storage.s3 import S3

    try:
        S3(uri).names(_PROBES)
    except StoreError:
        return False
    return True
