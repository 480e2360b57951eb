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
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_HELP = `
Exit codes:
  0  done
  1  refused or failed; for verify: something is wrong
  2  the command was not understood
  3  no server answers at the address
  4  the server cannot take more now; try again later`

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
