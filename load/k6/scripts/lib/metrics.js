/**
 * What is counted. `beamline_unaccounted` is the end check: each accepted run adds one, and each run that has ended by the time of the teardown takes one away,
 * so that it is 0 exactly if every accepted run has ended. (Submissions of unknown outcome may have been accepted too, and make it negative.)
 */
import { Counter, Gauge, Trend } from 'k6/metrics'

export const metrics = {
  /** From the request to the answer that says the run is durable, in milliseconds. */
  acceptance: new Trend('beamline_acceptance', true),
  accepted: new Counter('beamline_accepted'),
  /** Answered with 429 or 503 and a time to come back. */
  refused: new Counter('beamline_refused'),
  /** No answer, or one that does not say whether the run was taken. */
  unknown: new Counter('beamline_unknown'),
  /** Neither accepted nor refused for load: this should not be. */
  wrong: new Counter('beamline_wrong'),
  terminal: new Counter('beamline_terminal'),
  unaccounted: new Counter('beamline_unaccounted'),
  /** Runs that had not ended when the drain was over. */
  open: new Gauge('beamline_open'),
  drain: new Gauge('beamline_drain_seconds'),
}

/** Nothing may be lost, refused or unclear. */
export const strict = {
  beamline_unaccounted: ['count==0'],
  beamline_open: ['value==0'],
  beamline_refused: ['count==0'],
  beamline_unknown: ['count==0'],
  beamline_wrong: ['count==0'],
}

/** The system may refuse, and must not lose. */
export const overloaded = {
  beamline_unaccounted: ['count<=0'],
  beamline_open: ['value==0'],
  beamline_wrong: ['count==0'],
}
