const MACHINE = new Set(
  'PATH HOME USER LOGNAME SHELL TMPDIR TMP TEMP LANG LANGUAGE TERM COLORTERM LD_LIBRARY_PATH'.split(' '),
)

/** The environment of a program of the stack: what it must know of this machine, and nothing of other projects. */
export function programEnv(more: Record<string, string> = {}): Record<string, string> {
  const ours = Object.entries(process.env).filter(([name]) => MACHINE.has(name) || /^(LC|XDG)_/.test(name))
  return { ...(Object.fromEntries(ours) as Record<string, string>), ...more }
}
