/** Bounds what has been accepted and not finished, so that no queue grows without end. */
import type { Log } from '../topology/log/port.ts'
import type { Admission } from './ports.ts'

/** What the process has accepted and not finished, as last known; must be cheap. */
export interface Load {
  /** Runs that were begun and have not ended. */
  readonly unfinishedRuns: number
  /** Submissions that are durable and have not been decided. */
  readonly undecided: number
  /** How long the log has been asked about them without an answer, ms. */
  readonly unknownForMs?: number
}

export interface AdmissionLimits {
  /** Default 100,000. */
  readonly maxUnfinishedRuns?: number
  /** Default 500,000. */
  readonly maxUndecided?: number
  /** Told of each admission: the submissions that are not decided, the bound of them, and how many were admitted. */
  readonly onAdmitted?: (undecided: number, maxUndecided: number, submissions: number) => void
}

const RETRY_AFTER_LOG_S = 5
/** Longer than this nothing is taken on trust. */
const MAX_UNKNOWN_MS = 10_000
const RETRY_AFTER_WORK_S = 1
const ADMIT: Admission = { admit: true }

export function createAdmission(
  log: Pick<Log, 'health'>,
  load: () => Load,
  { maxUnfinishedRuns = 100_000, maxUndecided = 500_000, onAdmitted }: AdmissionLimits = {},
): (submissions?: number) => Admission {
  return (submissions = 1) => {
    const { writable, reason } = log.health()
    if (!writable) return refusal(503, `the log takes no records: ${reason ?? 'unknown reason'}`, RETRY_AFTER_LOG_S)
    const { unfinishedRuns, undecided, unknownForMs = 0 } = load()
    if (unknownForMs > MAX_UNKNOWN_MS) {
      const seconds = Math.round(unknownForMs / 1000)
      return refusal(503, `the log has not said for ${seconds} s how much waits to be decided`, RETRY_AFTER_LOG_S)
    }
    if (undecided >= maxUndecided) {
      return refusal(
        503,
        `${undecided} submissions wait to be decided; the bound is ${maxUndecided}`,
        RETRY_AFTER_WORK_S,
        maxUndecided,
      )
    }
    if (unfinishedRuns >= maxUnfinishedRuns) {
      return refusal(
        429,
        `${unfinishedRuns} runs have not ended; the bound is ${maxUnfinishedRuns}`,
        RETRY_AFTER_WORK_S,
        maxUnfinishedRuns,
      )
    }
    onAdmitted?.(undecided, maxUndecided, submissions)
    return ADMIT
  }
}

function refusal(status: 429 | 503, reason: string, retryAfterS: number, limit?: number): Admission {
  return { admit: false, status, reason, retryAfterS, ...(limit === undefined ? {} : { limit }) }
}
