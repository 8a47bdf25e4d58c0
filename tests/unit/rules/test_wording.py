"""Wrappers are peeled from the outside in, and nothing else is."""

from bot.core.wording import MESSAGE_LIMIT, causes, foreign_runtime, visible


def test_each_release_of_containerd_leads_to_the_same_innermost_cause() -> None:
    cause = 'no runtime for "kata-qemu" is configured'
    kubelet = "Failed to create pod sandbox: rpc error: code = Unknown desc = "
    sandbox = "5b2e8d1c0f9a4e7796c3d2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1"
    second = f'unable to get OCI runtime for sandbox "{sandbox}": '
    for wrapped in (
        f"{kubelet}failed to get sandbox runtime: {cause}",
        f"Failed create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: {cause}",
        f"{kubelet}{second}{cause}",
        f'(combined from similar events): {kubelet}failed to start sandbox "{sandbox}": {second}{cause}',
    ):
        assert cause == causes(wrapped)[-1]


def test_the_chain_of_the_rust_runtime_is_followed_to_its_end() -> None:
    message = (
        'failed to create shim task: Others("failed to handle message try init runtime instance\\n\\nCaused by:\\n'
        '    0: load config\\n    1: load TOML config failed (tried [\\"/a\\"])\\n'
        '    2: No such file or directory (os error 2)"): unknown'
    )
    layers = causes(message)
    assert "No such file or directory (os error 2)" == layers[-1]
    assert 'load TOML config failed (tried ["/a"])\n    2: No such file or directory (os error 2)' in layers


def test_a_chain_may_name_one_cause_without_a_number() -> None:
    said = "Checking the unit a.scope\n\nCaused by:\n    Establishing a D-Bus connection"
    assert "Establishing a D-Bus connection" == causes(f"failed to create shim task: {said}")[-1]


def test_chains_are_only_followed_in_what_a_shim_says() -> None:
    quoted = 'the plugin failed\n    0: no runtime for "kata-qemu" is configured'
    assert quoted == causes(f"rpc error: code = Unknown desc = {quoted}")[-1]


def test_what_a_shim_says_may_follow_at_once_as_in_containerd_1_4() -> None:
    cause = "file /opt/kata/bin/qemu-system-x86_64 does not exist: unknown"
    assert cause == causes(f"failed to create containerd task: /opt/kata/configuration.toml: {cause}")[-1]


def test_the_words_of_cri_o_are_told_apart() -> None:
    assert "CRI-O" == foreign_runtime("rpc error: code = Unknown desc = CreateContainer failed: it broke")
    assert foreign_runtime("failed to create containerd task: it broke") is None


def test_a_cause_inside_another_sentence_is_not_peeled_out() -> None:
    message = 'failed to setup network for sandbox "x": no runtime for "kata-qemu" is configured'
    assert (message,) == causes(message)


def test_a_message_is_cut_before_anything_looks_at_it() -> None:
    assert MESSAGE_LIMIT == len(causes("x" * 65536)[0])


def test_control_and_bidirectional_characters_are_shown_as_codes() -> None:
    assert "a\\u000a\\u202eb\\u001b[31m" == visible("a\n\u202eb\x1b[31m", 100)
    assert "aaaa…" == visible("a" * 9, 5)
