// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Stands before a vault as the real one's proxy does: its domain changes, and all that is heard of it is `Initialized`.
contract QuietProxy {
    /// @dev Where EIP-1967 keeps the implementation.
    bytes32 private constant SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    event Initialized(uint64 version);

    function reinitializeEip712DomainVersion(address implementation, uint64 version) external {
        assembly {
            sstore(SLOT, implementation)
        }
        emit Initialized(version);
    }

    fallback() external {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(SLOT), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) {
                revert(0, returndatasize())
            }
            return(0, returndatasize())
        }
    }
}

interface IBalance {
    function balanceOf(address account) external view returns (uint256);
}

/// @notice Answers as a vault does, with whatever domain it was made with.
contract QuietVault {
    address public immutable authorizationSigner;
    bytes32 public immutable domainSeparator;
    bool public constant paused = false;

    constructor(address signer, bytes32 separator) {
        authorizationSigner = signer;
        domainSeparator = separator;
    }

    function releaseNonces(address) external pure returns (uint256) {
        return 0;
    }

    function vaultTokenBalance(address token) external view returns (uint256) {
        return token == address(0) ? address(this).balance : IBalance(token).balanceOf(address(this));
    }
}
