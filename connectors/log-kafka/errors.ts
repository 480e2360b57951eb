/** Failures of the client, as the log port names them. */
import { LogError, type LogErrorCode } from '../../topology/log/port.ts'
import { KafkaClientError, type KafkaClientErrorCode } from '../kafka-client/contract.ts'

interface Meaning {
  readonly code: LogErrorCode
  readonly retriable: boolean
}

/** What a failure of a request means that changes nothing. */
const OF_READS: Readonly<Record<KafkaClientErrorCode, Meaning>> = {
  FENCED: { code: 'FENCED', retriable: false },
  OUTCOME_UNKNOWN: { code: 'OUTCOME_UNKNOWN', retriable: false },
  UNREACHABLE: { code: 'UNREACHABLE', retriable: true },
  RECORD_TOO_LARGE: { code: 'RECORD_TOO_LARGE', retriable: false },
  OFFSET_OUT_OF_RANGE: { code: 'OFFSET_OUT_OF_RANGE', retriable: false },
  UNKNOWN_TOPIC: { code: 'TOPICS_UNFIT', retriable: false },
  NOT_AUTHORIZED: { code: 'NOT_AUTHORIZED', retriable: false },
  AUTHENTICATION_FAILED: { code: 'NOT_AUTHORIZED', retriable: false },
  CLOSED: { code: 'LOG_CLOSED', retriable: false },
  REFUSED: { code: 'UNREACHABLE', retriable: true },
}

/** A write that was not answered, or refused after tries, may have taken effect. */
const OF_WRITES: Readonly<Record<KafkaClientErrorCode, Meaning>> = {
  ...OF_READS,
  UNREACHABLE: { code: 'OUTCOME_UNKNOWN', retriable: true },
  REFUSED: { code: 'OUTCOME_UNKNOWN', retriable: true },
}

export function readError(error: unknown): LogError {
  return translated(error, OF_READS, 'UNREACHABLE')
}

export function writeError(error: unknown): LogError {
  return translated(error, OF_WRITES, 'OUTCOME_UNKNOWN')
}

function translated(
  error: unknown,
  table: Readonly<Record<KafkaClientErrorCode, Meaning>>,
  unknown: LogErrorCode,
): LogError {
  if (error instanceof LogError) return error
  const { message } = error as Error
  if (!(error instanceof KafkaClientError)) return new LogError(unknown, message, { retriable: true, cause: error })
  const { code, retriable } = table[error.code]
  return new LogError(code, message, { retriable, cause: error })
}

export function fencedError(what: string): LogError {
  return new LogError('FENCED', `${what} has another owner now`)
}

export function closedError(what: string): LogError {
  return new LogError('LOG_CLOSED', `${what} is closed`)
}
