import { parseAbi } from 'viem'

/**
 * The vault's interface as typed constants. A test compares them with what the compiler made of SpotVault.sol,
 * so they cannot drift apart.
 */
export const vaultAbi = parseAbi([
  'constructor(string name, string version, address signer, address owner)',
  'function withdraw(address token, uint256 amount, uint256 deadline, bytes signature)',
  'function deposit(address token, uint256 amount)',
  'function depositNative() payable',
  'function releaseNonces(address account) view returns (uint256 nonce)',
  'function domainSeparator() view returns (bytes32)',
  'function authorizationSigner() view returns (address)',
  'function vaultTokenBalance(address token) view returns (uint256)',
  'function hashRelease(address account, address token, uint256 value, uint256 nonce, uint256 deadline) view returns (bytes32)',
  'function RELEASE_TYPEHASH() view returns (bytes32)',
  'function domainRenamed() view returns (bool)',
  'function owner() view returns (address)',
  'function paused() view returns (bool)',
  'function setAuthorizationSigner(address signer)',
  'function renameDomain(string newName)',
  'function pause()',
  'function unpause()',
  'event SpotDeposit(address indexed account, address indexed token, uint256 amount)',
  'event SpotWithdrawal(address indexed account, address indexed token, uint256 amount, uint256 nonce)',
  'event AuthorizationSignerChanged(address indexed previous, address indexed current)',
  'error ReleaseExpired(uint256 deadline, uint256 timestamp)',
  'error ReleaseNotAuthorized(address recovered)',
  'error ZeroAmount()',
  'error ZeroSigner()',
  'error NativeTokenNotAllowed()',
  'error DomainAlreadyRenamed()',
  'error DomainNameUnchanged()',
  'error ECDSAInvalidSignature()',
  'error ECDSAInvalidSignatureLength(uint256 length)',
  'error ECDSAInvalidSignatureS(bytes32 s)',
  'error EnforcedPause()',
  'error ReentrancyGuardReentrantCall()',
  'error OwnableUnauthorizedAccount(address account)',
])

export const tokenAbi = parseAbi([
  'constructor(string name, string symbol, uint8 decimals)',
  'function mint(address to, uint256 amount)',
  'function approve(address spender, uint256 amount) returns (bool)',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function balanceOf(address account) view returns (uint256)',
  'function decimals() view returns (uint8)',
  'error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)',
])
