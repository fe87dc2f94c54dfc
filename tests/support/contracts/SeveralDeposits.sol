// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

interface ITestToken {
    function mint(address to, uint256 amount) external;
    function approve(address spender, uint256 amount) external returns (bool);
}

interface IVault {
    function deposit(address token, uint256 amount) external;
}

/// @notice A wallet that deposits several times in one transaction: the account that is credited is the contract.
contract SeveralDeposits {
    function deposit(address vault, address token, uint256[] calldata amounts) external {
        for (uint256 i = 0; i < amounts.length; i++) {
            ITestToken(token).mint(address(this), amounts[i]);
            ITestToken(token).approve(vault, amounts[i]);
            IVault(vault).deposit(token, amounts[i]);
        }
    }
}
