"""What is put off lies in private files that survive a kill at any point."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.gateway.core.values import Operation, Protocol
from stillup.gateway.later.item import Answer, Item, Request, State
from stillup.gateway.later.shelf import Bounds, Full, Shelf, read_answer, read_items, read_request

REQUEST = Request(method="POST", path="/v1/messages", query="", headers=(), body=b"secret")


def item(n: int, **more) -> Item:
    return Item(
        id=f"later_{n:024x}", number=0, protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE, model="m",
        stream=False, kept_at_s=float(n), request_bytes=6, digest=bytes([n]), **more,
    )  # fmt: skip


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path / "later", Bounds(most=3, most_bytes=100, days=1), print)
    assert made.is_ours(make=True)
    yield made
    made.close()


def again(shelf: Shelf) -> Shelf:
    """The same folder in the next process."""
    shelf.close()
    other = Shelf(shelf.folder, shelf.bounds, print)
    assert other.is_ours()
    return other


def test_what_was_kept_is_there_again_in_line(shelf):
    for n in (3, 1, 2):
        shelf.add(item(n), REQUEST)
    other = again(shelf)
    assert [(i.number, i.id[-1]) for i in other.items.values()] == [(1, "3"), (2, "1"), (3, "2")]
    assert other.request_of(next(iter(other.items.values()))) == REQUEST
    assert list(other.items.values()) == list(shelf.items.values())
    other.close()


def test_nothing_is_made_before_something_is_kept(tmp_path):
    shelf = Shelf(tmp_path / "later", Bounds(), print)
    assert not shelf.is_ours()
    assert not (tmp_path / "later").exists()


def test_what_was_being_asked_is_handed_out_to_be_settled(shelf):
    kept = shelf.add(item(1), REQUEST)
    shelf.add(item(2), REQUEST)
    shelf.put(replace(kept, state=State.RUNNING, runs=1))
    other = again(shelf)
    assert [(i.id, i.state, i.runs) for i in other.left] == [(kept.id, State.RUNNING, 1)]
    other.close()


def test_halves_of_a_killed_process_are_cleared_away(shelf):
    kept = shelf.add(item(1), REQUEST)
    (shelf.folder / "later_0000000000000000000000ff.request").write_bytes(b"no state came")
    (shelf.folder / f".{kept.id}.state-abc").write_bytes(b"a draft")
    other = again(shelf)
    assert sorted(p.name for p in other.folder.iterdir()) == [f"{kept.id}.request", f"{kept.id}.state", "lock"]
    other.close()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff" * 99, b'{"id": "later_x"}', b"{" * 9999])
def test_a_file_that_is_damaged_is_passed_over(shelf, junk):
    kept = shelf.add(item(1), REQUEST)
    shelf.answer(replace(kept, state=State.ANSWERED), Answer(status=200, headers=(), body=b"x"))
    shelf.add(item(2), REQUEST)
    for kind in ("state", "request", "answer"):
        (shelf.folder / f"{kept.id}.{kind}").write_bytes(junk)
    assert [i.id for i in read_items(shelf.folder)] == [item(2).id]
    assert read_request(shelf.folder, kept.id) is None
    assert read_answer(shelf.folder, kept.id) is None


def test_a_state_under_another_name_is_none(shelf):
    kept = shelf.add(item(1), REQUEST)
    (shelf.folder / f"{item(2).id}.state").write_bytes((shelf.folder / f"{kept.id}.state").read_bytes())
    assert [i.id for i in read_items(shelf.folder)] == [kept.id]


def test_answers_give_way_fetched_ones_first_and_what_waits_never(shelf):
    first, second, third = (shelf.add(item(n), REQUEST) for n in (1, 2, 3))
    with pytest.raises(Full):
        shelf.add(item(4), REQUEST)
    for kept, fetched in ((first, False), (second, True)):
        done = replace(kept, state=State.ANSWERED, done_at_s=kept.kept_at_s, fetched=fetched)
        shelf.answer(done, Answer(status=200, headers=(), body=b""))
    shelf.add(item(4), REQUEST)
    assert [i.id for i in shelf.items.values()] == [first.id, third.id, item(4).id]
    shelf.add(item(5), REQUEST)
    assert [i.id for i in shelf.items.values()] == [third.id, item(4).id, item(5).id]


def test_bytes_are_bounded_too(shelf):
    with pytest.raises(Full):
        shelf.add(replace(item(1), request_bytes=101), REQUEST)
    shelf.add(replace(item(1), request_bytes=60), REQUEST)
    with pytest.raises(Full):
        shelf.add(replace(item(2), request_bytes=60), REQUEST)
    assert len(shelf.items) == 1
    assert len(list(shelf.folder.iterdir())) == 3


def test_an_answer_is_kept_though_it_passes_the_bound(shelf):
    kept = shelf.add(replace(item(1), request_bytes=60), REQUEST)
    done = replace(kept, state=State.ANSWERED, answer_bytes=90, done_at_s=1.0)
    shelf.answer(done, Answer(status=200, headers=((b"a", b"b"),), body=b"x" * 90))
    assert shelf.answer_of(done) == Answer(status=200, headers=((b"a", b"b"),), body=b"x" * 90)


def test_what_is_too_old_goes_and_what_still_waited_is_told(shelf):
    waiting, over, running = (shelf.add(item(n), REQUEST) for n in (1, 2, 3))
    shelf.put(replace(over, state=State.FAILED))
    shelf.put(replace(running, state=State.RUNNING))
    assert [i.id for i in shelf.prune(86_500.0)] == [waiting.id]
    assert [i.id for i in shelf.items.values()] == [running.id]


def test_one_process_works_on_a_folder(shelf):
    other = Shelf(shelf.folder, shelf.bounds, print)
    shelf.add(item(1), REQUEST)
    assert not other.is_ours(make=True)
    shelf.close()
    assert other.is_ours()
    assert len(other.items) == 1
    other.close()


@pytest.mark.skipif(os.name != "posix", reason="modes say nothing there")
def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path):
    folder = tmp_path / "later"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(OSError, match="others can write"):
        Shelf(folder, Bounds(), print).is_ours()
    with pytest.raises(OSError, match="others can write"):
        list(read_items(folder))


def test_nothing_of_a_prompt_is_shown():
    assert "secret" not in repr(REQUEST)
    assert "secret" not in repr(Answer(status=200, headers=(), body=b"secret"))


def test_a_disk_that_takes_the_request_and_not_its_state_is_left_as_it_was(shelf):
    (shelf.folder / f"{item(1).id}.state").mkdir()
    with pytest.raises(OSError, match="directory"):
        shelf.add(item(1), REQUEST)
    assert not shelf.items
    assert not list(shelf.folder.glob("*.request"))


def test_a_folder_within_keeps_nobody_from_being_asked_again(shelf):
    kept = shelf.add(item(1), REQUEST)
    shelf.put(replace(kept, state=State.RUNNING))
    (shelf.folder / "somebodys").mkdir()
    other = again(shelf)
    assert [i.id for i in other.left] == [kept.id]
    other.close()


@pytest.fixture
def shared(tmp_path):
    made = Shelf(tmp_path / "later", Bounds(most=6, most_bytes=100, days=1, shared=True), print)
    assert made.is_ours(make=True)
    yield made
    made.close()


def done(shelf, kept, **more):
    over = replace(kept, state=State.ANSWERED, done_at_s=kept.kept_at_s, **more)
    shelf.answer(over, Answer(status=200, headers=(), body=b""))


def test_of_several_users_none_has_more_than_half(shared):
    for n in (1, 2, 3):
        shared.add(item(n, user="ann"), REQUEST)
    with pytest.raises(Full):
        shared.add(item(4, user="ann"), REQUEST)
    for n in (5, 6, 7):
        shared.add(item(n, user="bob"), REQUEST)
    assert [i.user for i in shared.items.values()] == ["ann"] * 3 + ["bob"] * 3


def test_nor_more_than_half_of_the_bytes(shared):
    shared.add(replace(item(1, user="ann"), request_bytes=40), REQUEST)
    with pytest.raises(Full):
        shared.add(replace(item(2, user="ann"), request_bytes=11), REQUEST)
    shared.add(replace(item(3, user="bob"), request_bytes=50), REQUEST)


def test_room_is_made_within_ones_own_before_anybody_elses_answer_goes(shared):
    ann, bob = [], []
    for n in (1, 2, 3):
        bob.append(shared.add(item(n, user="bob"), REQUEST))
        ann.append(shared.add(item(n + 10, user="ann"), REQUEST))
    done(shared, bob[0])
    done(shared, ann[0])
    added = shared.add(item(20, user="ann"), REQUEST)
    assert [i.id for i in shared.items.values()] == [*(b.id for b in bob[:1]), *(
        i.id for pair in zip(bob[1:], ann[1:], strict=True) for i in pair), added.id]  # fmt: skip


def test_what_was_fetched_goes_before_an_answer_that_nobody_has_seen(shared):
    kept = [shared.add(item(n, user=user), REQUEST) for n, user in enumerate(["ann", "bob", "cat"] * 2, 1)]
    done(shared, kept[0])
    done(shared, kept[1], fetched=True)
    shared.add(item(9, user="ann"), REQUEST)
    assert kept[1].id not in shared.items
    assert kept[0].id in shared.items


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 60), st.booleans()), max_size=25))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_nobody_passes_half_and_nothing_that_waits_is_lost(tmp_path_factory, asked):
    shelf = Shelf(tmp_path_factory.mktemp("shelf") / "later", Bounds(most=6, most_bytes=200, shared=True), print)
    assert shelf.is_ours(make=True)
    waiting = set()
    for n, (user, size, is_answered) in enumerate(asked):
        with suppress(Full):
            kept = shelf.add(replace(item(n % 256, user=user), id=f"later_{n:024x}", request_bytes=size), REQUEST)
            done(shelf, kept) if is_answered else waiting.add(kept.id)
        for name in "abc":
            own = [i for i in shelf.items.values() if i.user == name]
            assert len(own) <= 3
            assert sum(i.size_bytes for i in own) <= 100
        assert waiting <= shelf.items.keys()
    shelf.close()
