// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Asks a vault many things in one eth_call that names no contract: what the constructor returns is the answer.
/// @dev Never deployed. `calls` are 36 bytes each, a selector and a word. The answer is the size of the vault's code, the
///      chain's id, for each call the word that it answered, and for each call one byte: 1 if it answered exactly one word,
///      and 0, with a word of zero, if it was refused or answered with anything else.
contract VaultReader {
    constructor(address vault, bytes memory calls) {
        uint256 count = calls.length / 36;
        bytes32[] memory words = new bytes32[](count);
        bytes memory one = new bytes(count);
        for (uint256 i; i < count; i++) {
            // With less left, a call could fail for want of gas, which says something of the node and nothing of the vault.
            require(gasleft() > 1_050_000);
            assembly ("memory-safe") {
                // A contract that burns all it gets leaves enough for the others, and no more than a word of an answer is copied.
                let ok := staticcall(1000000, vault, add(add(calls, 32), mul(i, 36)), 36, 0, 32)
                if and(ok, eq(returndatasize(), 32)) {
                    mstore(add(add(words, 32), mul(i, 32)), mload(0))
                    mstore8(add(add(one, 32), i), 1)
                }
            }
        }
        bytes memory answer = abi.encodePacked(vault.code.length, block.chainid, words, one);
        assembly ("memory-safe") {
            return(add(answer, 32), mload(answer))
        }
    }
}
