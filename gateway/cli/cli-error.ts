/** Exit codes of the command line. */
export const EXIT = {
  ok: 0,
  /** Refused, not found, or the check found something. */
  failed: 1,
  /** The command was not understood. */
  usage: 2,
  /** No server answers. */
  unreachable: 3,
  /** The server cannot take more now. */
  busy: 4,
  /** The run that was followed was cancelled. */
  cancelled: 5,
  /** The run that was followed took longer than its deadline. */
  timedOut: 6,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each means, for the help and the reference. */
export const EXIT_MEANINGS: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT.ok, 'done; for run watch and submit --wait: the run has completed'],
  [EXIT.failed, 'refused or failed; for verify, doctor and flow test: something is wrong'],
  [EXIT.usage, 'the command was not understood'],
  [EXIT.unreachable, 'no server answers at the address'],
  [EXIT.busy, 'the server cannot take more now; try again later'],
  [EXIT.cancelled, 'run watch: the run was cancelled'],
  [EXIT.timedOut, 'run watch: the run took longer than its deadline'],
  [EXIT.interrupted, 'ended by Ctrl-C'],
]

export const EXIT_HELP = `
Exit codes:
${EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(3)}  ${meaning}`).join('\n')}`

/** Ends the command with a message and what to do next. */
export class CliError extends Error {
  readonly exitCode: ExitCode
  readonly hint: string | null
  constructor(exitCode: ExitCode, message: string, hint: string | null = null) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
    this.hint = hint
  }
}
