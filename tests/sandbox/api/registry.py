"""The operations of the API server on its types: create, read, update, patch, delete.

HTTP requests and the simulated controllers go through the same methods, so nobody can write what the real
server would refuse. All methods are synchronous: one call is one transaction.

Returned objects are shared with the history and with watchers: read them, never change them.
"""

from __future__ import annotations

import copy
import random
import uuid
from typing import Any

from . import patches
from .admission import Admission
from .clock import Clock, render_time, utc_now
from .defaults import complete
from .deletion import DeleteOptions, check_preconditions, grace_of, is_released, mark_deleted
from .normal import keep_server_fields, normalise
from .resources import NAMESPACES, PODS, SERVICEACCOUNTS, KubeObject, Resource
from .status import ApiError, already_exists, bad_request, conflict, invalid, not_found, unsupported_media_type
from .store import Store, revision_of
from .validation import check_create, check_decodable, check_update

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Registry:
    """Every stored type, with its rules. `store` is for watching, `admission` for tests that refuse pods."""

    def __init__(self, store: Store | None = None, clock: Clock = utc_now) -> None:
        self.store = store or Store()
        self.clock = clock
        self.admission = Admission(self.store)

    def get(self, resource: Resource, name: str, namespace: str = "") -> KubeObject:
        found = self.store.find(resource, (namespace, name))
        if found is None:
            raise not_found(resource, name)
        return found

    def list(self, resource: Resource, namespace: str = "") -> list[KubeObject]:
        return self.store.items(resource, namespace)

    def create(
        self, resource: Resource, obj: KubeObject, namespace: str = "", *, dry_run: bool = False
    ) -> KubeObject:
        """Raises 400, 403, 404 (no such namespace), 409 (name taken) or 422."""
        check_decodable(resource, obj)
        new = normalise(resource, obj)
        self._place(resource, new, namespace)
        self._identify(resource, new)
        if resource is PODS:
            self.admission.admit(new, new["metadata"].get("name") or new["metadata"].get("generateName", ""))
        self._name(new)
        check_create(resource, new)
        complete(resource, new)
        if self.store.find(resource, (new["metadata"].get("namespace", ""), new["metadata"]["name"])):
            raise already_exists(resource, new["metadata"]["name"])
        if dry_run:
            return new
        stored = self.store.put(resource, new)
        if resource is NAMESPACES:
            # The service account controller does this; pods of the namespace are refused until it has.
            self.create(SERVICEACCOUNTS, {"metadata": {"name": "default"}}, stored["metadata"]["name"])
        return stored

    def update(
        self,
        resource: Resource,
        name: str,
        obj: KubeObject,
        namespace: str = "",
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> KubeObject:
        """PUT. Raises 404, 409 (stale resourceVersion or other uid) or 422."""
        check_decodable(resource, obj)
        new = normalise(resource, obj)
        if new["metadata"].get("name") != name:
            given = new["metadata"].get("name", "")
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        old = self.store.find(resource, (namespace, name))
        if old is None:
            return self._create_by_update(resource, new, namespace, subresource, dry_run)
        self._check_version(resource, new, old)
        return self._write(resource, new, old, subresource, dry_run)

    def patch(
        self,
        resource: Resource,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        content_type: str = patches.MERGE_PATCH,
        subresource: str = "",
        dry_run: bool = False,
    ) -> KubeObject:
        """PATCH in one of the three formats; a resourceVersion inside it must be the current one."""
        old = self.get(resource, name, namespace)
        patched = _apply(content_type, old, patch)
        return self.update(resource, name, patched, namespace, subresource=subresource, dry_run=dry_run)

    def update_status(self, resource: Resource, obj: KubeObject, status: KubeObject) -> KubeObject:
        """Replace the status of the object that `obj` was read as. Raises 409 when it changed meanwhile."""
        metadata = obj["metadata"]
        return self.update(
            resource,
            metadata["name"],
            {**obj, "status": status},
            metadata.get("namespace", ""),
            subresource="status",
        )

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        options: DeleteOptions | None = None,
        *,
        dry_run: bool = False,
    ) -> KubeObject:
        """Delete at once, or mark for deletion where a grace period or finalizers ask for it."""
        options = options or DeleteOptions()
        old = self.get(resource, name, namespace)
        check_preconditions(resource, old, options)
        grace_s = grace_of(resource, old, options)
        if dry_run:
            return old
        at_once = grace_s == 0 and not old["metadata"].get("finalizers")
        if not at_once or resource is PODS:  # the real server marks even a pod that goes at once
            marked = mark_deleted(old, grace_s, self.clock())
            old = old if marked is old else self.store.put(resource, marked)
        return self.store.remove(resource, (namespace, name)) if at_once else old

    def _place(self, resource: Resource, new: KubeObject, namespace: str) -> None:
        metadata = new["metadata"]
        given = metadata.pop("namespace", "")
        if not resource.namespaced:
            return
        if given and given != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        metadata["namespace"] = namespace
        if self.store.find(NAMESPACES, ("", namespace)) is None:
            raise not_found(NAMESPACES, namespace)

    def _identify(self, resource: Resource, new: KubeObject) -> None:
        metadata = new["metadata"]
        if metadata.pop("resourceVersion", ""):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and not metadata.get("generateName"):
            required = ("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
            raise invalid(resource, "", [required])
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(key, None)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = render_time(self.clock())

    def _name(self, new: KubeObject) -> None:
        metadata = new["metadata"]
        if not metadata.get("name"):
            suffix = "".join(random.choices(_SUFFIX_ALPHABET, k=5))
            metadata["name"] = metadata["generateName"][:58] + suffix

    def _create_by_update(
        self, resource: Resource, new: KubeObject, namespace: str, subresource: str, dry_run: bool
    ) -> KubeObject:
        name = new["metadata"]["name"]
        if not resource.create_on_update or subresource:
            raise not_found(resource, name)
        uid = new["metadata"].get("uid", "")
        if uid or new["metadata"].get("resourceVersion"):
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            raise conflict(resource, name, f"StorageError: invalid object, Code: 4, AdditionalErrorMsg: {why}")
        return self.create(resource, new, namespace, dry_run=dry_run)

    def _check_version(self, resource: Resource, new: KubeObject, old: KubeObject) -> None:
        metadata, name = new["metadata"], old["metadata"]["name"]
        version = metadata.get("resourceVersion", "")
        if not version and not resource.unconditional_update:
            text = "Invalid value: 0x0: must be specified for an update"
            raise invalid(resource, name, [("metadata.resourceVersion", "FieldValueInvalid", text)])
        if version and version != revision_of(old):
            raise conflict(resource, name)
        uid, current = metadata.get("uid", ""), old["metadata"]["uid"]
        if uid and uid != current:
            raise conflict(
                resource, name, f"Precondition failed: UID in precondition: {uid}, UID in object meta: {current}"
            )

    def _write(
        self, resource: Resource, new: KubeObject, old: KubeObject, subresource: str, dry_run: bool
    ) -> KubeObject:
        keep_server_fields(resource, new, old, subresource)
        check_update(resource, new, old)
        metadata = new["metadata"]
        if "generation" in metadata and new.get("spec") != old.get("spec"):
            metadata["generation"] += 1
        if new == old or dry_run:  # a write that changes nothing has no new revision and no watch event
            return new
        key = metadata.get("namespace", ""), metadata["name"]
        if is_released(metadata):
            return self.store.remove(resource, key)
        return self.store.put(resource, new)


def _apply(content_type: str, old: KubeObject, patch: Any) -> KubeObject:
    match content_type:
        case patches.JSON_PATCH:
            return patches.apply_json_patch(old, patch)
        case patches.MERGE_PATCH if isinstance(patch, dict):
            merged: KubeObject = patches.apply_merge(old, patch)
            return copy.deepcopy(merged)
        case patches.STRATEGIC_PATCH if isinstance(patch, dict):
            return copy.deepcopy(patches.apply_strategic(old, patch))
        case patches.MERGE_PATCH | patches.STRATEGIC_PATCH:
            raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map")
        case _:
            raise unsupported_media_type(patches.ACCEPTED)
