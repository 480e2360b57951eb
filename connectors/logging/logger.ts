/**
 * Logs as JSON lines `{timestamp, level, component, message, ...}`, with `timestamp` in UTC to the microsecond and `level` one of ERROR, WARN, INFO
 * and DEBUG; for a terminal as readable lines. Secrets are redacted in both.
 */
import { type Logger as PinoLogger, pino } from 'pino'
import type { Environment } from '../../topology/environment.ts'
import { humanLine } from './human-format.ts'
import { redact } from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger that adds the fields to every line. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  readonly environment: Pick<Environment, 'now' | 'monotonic'>
  /** Default `info`. */
  readonly level?: LogLevel
  /** Default: readable lines if `output` is a terminal, else JSON. */
  readonly format?: 'json' | 'human'
  /** Default: standard output. */
  readonly output?: { write(line: string): unknown; readonly isTTY?: boolean }
}

export function createLogger(options: LoggerOptions): Logger {
  const { environment, level = 'info', output = process.stdout } = options
  const human = (options.format ?? (output.isTTY === true ? 'human' : 'json')) === 'human'
  const clock = microsecondClock(environment)
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: () => `,"timestamp":"${clock()}"`,
      // Redaction turns errors into plain fields; pino's own serializer would not see those in nested places.
      serializers: { error: (error: unknown) => error },
      formatters: {
        level: (label) => ({ level: label.toUpperCase() }),
        log: (fields) => redact(fields) as LogFields,
      },
    },
    { write: (line: string) => void output.write(human ? humanLine(line) : line) },
  )
  return wrap(logger)
}

/** Narrows pino to the few ways of logging that are used, and redacts what is bound, which pino's formatters do not see. */
function wrap(logger: PinoLogger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(redact(fields) as LogFields)),
  }
}

/** Beyond this the wall clock was set, and counts. */
const MAX_DRIFT_MS = 5

/** The wall clock in UTC with the monotonic clock's finer digits. */
function microsecondClock({ now, monotonic }: LoggerOptions['environment']): () => string {
  let anchorMs = now() - monotonic()
  return () => {
    let timeMs = anchorMs + monotonic()
    if (Math.abs(timeMs - now()) > MAX_DRIFT_MS) {
      anchorMs = now() - monotonic()
      timeMs = anchorMs + monotonic()
    }
    const wholeMs = Math.floor(timeMs)
    const micros = Math.floor((timeMs - wholeMs) * 1000)
    return `${new Date(wholeMs).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`
  }
}
