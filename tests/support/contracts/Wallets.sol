// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice A wallet of one owner, as small as one can be: it says what its owner signed, and calls what its owner wants.
contract OwnedWallet {
    bytes4 internal constant YES = 0x1626ba7e;

    address public owner;

    error NotTheOwners();

    constructor(address first) {
        owner = first;
    }

    /// @dev Reverts for a signature that is not the owner's, as a Safe does.
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) revert NotTheOwners();
        address signer = ecrecover(hash, uint8(signature[64]), bytes32(signature[0:32]), bytes32(signature[32:64]));
        if (signer == address(0) || signer != owner) revert NotTheOwners();
        return YES;
    }

    function execute(address to, bytes calldata data) external {
        if (msg.sender != owner) revert NotTheOwners();
        (bool ok, bytes memory answer) = to.call(data);
        assembly {
            if iszero(ok) {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}

/// @notice Anybody may become its owner.
contract OpenWallet is OwnedWallet(address(0)) {
    function claim(address next) external {
        owner = next;
    }
}

contract WalletFactory {
    function create(address owner, bytes32 salt) external returns (address) {
        return address(new OwnedWallet{salt: salt}(owner));
    }

    function burn() external pure {
        while (true) {}
    }

    function refuse() external pure {
        revert("no");
    }
}

/// @notice Knows only hashes that were approved before: its signature is empty.
contract ApprovedHashes {
    mapping(bytes32 hash => bool yes) public approved;

    function approve(bytes32 hash) external {
        approved[hash] = true;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return approved[hash] && signature.length == 0 ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}

/// @notice Answers whatever it is asked with bytes of its maker's choice, or burns all gas, or reverts with them.
contract AnyAnswer {
    bytes private _answer;
    uint256 private _manner;

    constructor(bytes memory answer, uint256 manner) {
        _answer = answer;
        _manner = manner;
    }

    fallback() external {
        bytes memory answer = _answer;
        uint256 manner = _manner;
        assembly {
            if eq(manner, 1) {
                revert(add(answer, 0x20), mload(answer))
            }
            if eq(manner, 2) {
                invalid()
            }
            for {} eq(manner, 3) {} {}
            if eq(manner, 4) {
                return(0, 1000000)
            }
            if eq(manner, 5) {
                calldatacopy(0, 0, calldatasize())
                return(0, calldatasize())
            }
            return(add(answer, 0x20), mload(answer))
        }
    }
}
