"""PathGuard: paths that only trusted users can write."""

import grp
import os
import pwd
import struct

import pytest

from gaffer_kernel.path_security import ACL, PathGuard

OURS = "ours"


class RefusedError(Exception):
    pass


@pytest.fixture
def groups(monkeypatch):
    """Users and groups that do not depend on the machine; the files of a test belong to us."""
    numbers = {OURS: os.geteuid(), "mate": 54323}
    if os.geteuid() != 0:
        numbers["root"] = 0
    by_name = {
        name: pwd.struct_passwd((name, "x", uid, 7000, "", "/", "/bin/sh"))
        for name, uid in numbers.items()
    }
    users = list(by_name.values())
    known = {}
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    monkeypatch.setattr(pwd, "getpwnam", by_name.__getitem__)
    monkeypatch.setattr(grp, "getgrgid", lambda gid: known[gid])

    def define(name, gid, *members):
        known[gid] = grp.struct_group((name, "x", gid, list(members)))

    return define


@pytest.fixture
def shared(tmp_path):
    """A folder with write permission for its group, as `mkdir` creates it with umask 0002."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o775)
    return folder


CASES = {
    "the name of the owner": ((OURS, []), True),
    "the name of the owner, who is a member": ((OURS, [OURS]), True),
    "the name of the owner, but somebody else is a member": ((OURS, ["mate"]), False),
    "another name without members": (("crew", []), True),
    "another name, the owner is a member": (("crew", [OURS]), True),
    "another name, somebody else is a member": (("crew", [OURS, "mate"]), False),
    "a member who is unknown": (("crew", ["ghost"]), False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_private_group_can_have_write_permission(groups, shared, case):
    (name, members), accepted = CASES[case]
    groups(name, shared.stat().st_gid, *members)
    guard = PathGuard(RefusedError)
    if accepted:
        assert guard.check(shared) == shared
        return
    with pytest.raises(RefusedError) as caught:
        guard.check(shared)
    assert str(caught.value) == (
        f"{shared} is writable by other users, of group {name}, who could change what gafferd"
        f" runs: chmod g-w {shared}"
    )


def test_the_primary_group_of_another_user_is_shared(groups, shared, monkeypatch):
    gid = shared.stat().st_gid
    groups("crew", gid)
    users = [*pwd.getpwall(), pwd.struct_passwd(("new", "x", 9, gid, "", "/", "/bin/sh"))]
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    with pytest.raises(RefusedError, match="of group crew"):
        PathGuard(RefusedError).check(shared)


def test_a_group_that_has_no_name_is_shared(groups, shared):
    with pytest.raises(RefusedError, match=f"of group {shared.stat().st_gid}, "):
        PathGuard(RefusedError).check(shared)


def test_write_permission_for_others_is_refused(groups, shared):
    groups(OURS, shared.stat().st_gid)
    shared.chmod(0o777)
    with pytest.raises(RefusedError, match="chmod go-w"):
        PathGuard(RefusedError).check(shared)


def test_an_acl_with_write_permission_is_refused(groups, shared):
    groups(OURS, shared.stat().st_gid)
    # acl(5): owner, user 1, group, mask, others.
    entries = (
        (1, 7, 2**32 - 1),
        (2, 7, 1),
        (4, 0, 2**32 - 1),
        (16, 7, 2**32 - 1),
        (32, 5, 2**32 - 1),
    )
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(shared, ACL, value)
    except OSError as error:
        pytest.skip(f"the file system has no access control lists: {error.strerror}")
    with pytest.raises(RefusedError, match=f"by its ACL, .*: setfacl -b {shared}"):
        PathGuard(RefusedError).check(shared)
