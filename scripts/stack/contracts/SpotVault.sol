// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Spot vault
/// @notice Holds the coins behind the off-chain spot ledger. Anybody deposits; an account takes coins out with an
///         EIP-712 authorization that the exchange's signer made for that account, token, amount, nonce and deadline.
/// @dev The nonce is never an argument: it is the account's own counter, so authorizations are used strictly in
///      order and none can be used twice. The native coin is the zero address.
contract SpotVault is IERC5267, Ownable2Step, Pausable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice The address that stands for the native coin.
    address public constant NATIVE = address(0);

    /// @notice EIP-712 type hash of a release.
    bytes32 public constant RELEASE_TYPEHASH =
        keccak256("SpotReleaseFunds(address account,address token,uint256 value,uint256 nonce,uint256 deadline)");

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    bytes32 private immutable _hashedVersion;
    bytes32 private _hashedName;
    string private _name;
    string private _version;

    /// @notice True once the domain has been renamed; it cannot be renamed again.
    bool public domainRenamed;

    /// @notice The only key whose authorizations are accepted.
    address public authorizationSigner;

    /// @notice The nonce of the account's next release: one sequential counter for all tokens.
    mapping(address account => uint256 nonce) public releaseNonces;

    /// @notice `amount` is what the vault received, which is less than what was sent when a token takes a fee.
    event SpotDeposit(address indexed account, address indexed token, uint256 amount);
    /// @notice `account` was paid `amount` with the authorization for `nonce`.
    event SpotWithdrawal(address indexed account, address indexed token, uint256 amount, uint256 nonce);
    /// @notice Every authorization made by `previous` is void from here on.
    event AuthorizationSignerChanged(address indexed previous, address indexed current);

    /// @notice The block's time is past the authorization's deadline.
    error ReleaseExpired(uint256 deadline, uint256 timestamp);
    /// @notice The signature is well formed but is not the signer's over exactly this release.
    error ReleaseNotAuthorized(address recovered);
    /// @notice An amount of zero, or a token that delivered nothing.
    error ZeroAmount();
    /// @notice The zero address cannot be the signer: failed recoveries must never look like it.
    error ZeroSigner();
    /// @notice The native coin comes in through `depositNative` alone.
    error NativeTokenNotAllowed();
    /// @notice The domain can be renamed once.
    error DomainAlreadyRenamed();
    /// @notice The same name again would use up the one rename and void nothing.
    error DomainNameUnchanged();

    constructor(string memory name, string memory version, address signer, address owner) Ownable(owner) {
        _name = name;
        _version = version;
        _hashedName = keccak256(bytes(name));
        _hashedVersion = keccak256(bytes(version));
        _setAuthorizationSigner(signer);
    }

    /// @notice Credits the caller with what the vault receives of an approved ERC-20 token.
    /// @dev Measured by balance, because some tokens keep a fee. The guard is what makes the measurement honest: a
    ///      token that re-enters during the transfer would otherwise have one transfer counted twice.
    function deposit(address token, uint256 amount) external nonReentrant whenNotPaused {
        if (token == NATIVE) revert NativeTokenNotAllowed();
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received == 0) revert ZeroAmount();
        emit SpotDeposit(msg.sender, token, received);
    }

    /// @notice Credits the caller with the native coin sent along.
    function depositNative() external payable nonReentrant whenNotPaused {
        if (msg.value == 0) revert ZeroAmount();
        emit SpotDeposit(msg.sender, NATIVE, msg.value);
    }

    /// @notice Pays the caller what the signer authorized for the caller's current nonce.
    /// @dev The deadline second itself is still good. The nonce moves before the coins do; a revert gives it back.
    /// @param signature 65 bytes r, s, v with s in the lower half of the order (EIP-2) and v 27 or 28.
    function withdraw(
        address token,
        uint256 amount,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant whenNotPaused {
        if (block.timestamp > deadline) revert ReleaseExpired(deadline, block.timestamp);
        if (amount == 0) revert ZeroAmount();

        uint256 nonce = releaseNonces[msg.sender]++;
        bytes32 digest = hashRelease(msg.sender, token, amount, nonce, deadline);
        address recovered = ECDSA.recoverCalldata(digest, signature);
        if (recovered != authorizationSigner) revert ReleaseNotAuthorized(recovered);

        emit SpotWithdrawal(msg.sender, token, amount, nonce);
        if (token == NATIVE) Address.sendValue(payable(msg.sender), amount);
        else IERC20(token).safeTransfer(msg.sender, amount);
    }

    /// @notice Replaces the signer, which voids every outstanding authorization.
    /// @dev Setting a former signer again makes its unexpired authorizations good again: never go back to a key.
    function setAuthorizationSigner(address signer) external onlyOwner {
        _setAuthorizationSigner(signer);
    }

    /// @notice Renames the EIP-712 domain, once in the vault's life, which voids every outstanding authorization.
    function renameDomain(string calldata newName) external onlyOwner {
        if (domainRenamed) revert DomainAlreadyRenamed();
        bytes32 hashed = keccak256(bytes(newName));
        if (hashed == _hashedName) revert DomainNameUnchanged();
        domainRenamed = true;
        _name = newName;
        _hashedName = hashed;
        emit EIP712DomainChanged();
    }

    /// @notice Stops deposits and withdrawals. Deadlines go on running meanwhile.
    function pause() external onlyOwner {
        _pause();
    }

    /// @notice Lets deposits and withdrawals go on.
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice What the vault holds of `token`, however it came in.
    function vaultTokenBalance(address token) external view returns (uint256) {
        return token == NATIVE ? address(this).balance : IERC20(token).balanceOf(address(this));
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", _name, _version, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /// @notice The digest the signer signs for a release.
    function hashRelease(
        address account,
        address token,
        uint256 value,
        uint256 nonce,
        uint256 deadline
    ) public view returns (bytes32) {
        bytes32 release = keccak256(abi.encode(RELEASE_TYPEHASH, account, token, value, nonce, deadline));
        return MessageHashUtils.toTypedDataHash(domainSeparator(), release);
    }

    /// @notice The EIP-712 domain separator in force.
    /// @dev Built on every call and never cached: neither a rename nor a chain split (the chain id is read from the
    ///      block) can leave a stale one behind, for the price of one hash.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, _hashedName, _hashedVersion, block.chainid, address(this)));
    }

    function _setAuthorizationSigner(address signer) private {
        if (signer == address(0)) revert ZeroSigner();
        emit AuthorizationSignerChanged(authorizationSigner, signer);
        authorizationSigner = signer;
    }
}
