/** The broker's error codes: their names, and what each of them asks of the client. */

/**
 * `stale`: ask again where the leader or coordinator is, then repeat; `again`: repeat; `topic`: the topic is not (yet) there; `fenced`: another
 * owner has taken over; `denied`: an ACL is missing; `large`: a record or batch is above the broker's limit; `fatal`: repeating cannot help.
 */
export type Reaction = 'stale' | 'again' | 'topic' | 'fenced' | 'denied' | 'large' | 'fatal'

const CODES: Readonly<Record<number, readonly [name: string, reaction: Reaction]>> = {
  [-1]: ['UNKNOWN_SERVER_ERROR', 'again'],
  1: ['OFFSET_OUT_OF_RANGE', 'fatal'],
  2: ['CORRUPT_MESSAGE', 'again'],
  3: ['UNKNOWN_TOPIC_OR_PARTITION', 'topic'],
  5: ['LEADER_NOT_AVAILABLE', 'stale'],
  6: ['NOT_LEADER_OR_FOLLOWER', 'stale'],
  7: ['REQUEST_TIMED_OUT', 'again'],
  8: ['BROKER_NOT_AVAILABLE', 'stale'],
  9: ['REPLICA_NOT_AVAILABLE', 'stale'],
  10: ['MESSAGE_TOO_LARGE', 'large'],
  12: ['OFFSET_METADATA_TOO_LARGE', 'fatal'],
  13: ['NETWORK_EXCEPTION', 'stale'],
  14: ['COORDINATOR_LOAD_IN_PROGRESS', 'again'],
  15: ['COORDINATOR_NOT_AVAILABLE', 'stale'],
  16: ['NOT_COORDINATOR', 'stale'],
  17: ['INVALID_TOPIC_EXCEPTION', 'fatal'],
  18: ['RECORD_LIST_TOO_LARGE', 'large'],
  19: ['NOT_ENOUGH_REPLICAS', 'again'],
  20: ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'again'],
  22: ['ILLEGAL_GENERATION', 'fenced'],
  23: ['INCONSISTENT_GROUP_PROTOCOL', 'fatal'],
  24: ['INVALID_GROUP_ID', 'fatal'],
  25: ['UNKNOWN_MEMBER_ID', 'fenced'],
  26: ['INVALID_SESSION_TIMEOUT', 'fatal'],
  27: ['REBALANCE_IN_PROGRESS', 'fenced'],
  28: ['INVALID_COMMIT_OFFSET_SIZE', 'fatal'],
  29: ['TOPIC_AUTHORIZATION_FAILED', 'denied'],
  30: ['GROUP_AUTHORIZATION_FAILED', 'denied'],
  31: ['CLUSTER_AUTHORIZATION_FAILED', 'denied'],
  32: ['INVALID_TIMESTAMP', 'fatal'],
  33: ['UNSUPPORTED_SASL_MECHANISM', 'fatal'],
  34: ['ILLEGAL_SASL_STATE', 'fatal'],
  35: ['UNSUPPORTED_VERSION', 'fatal'],
  41: ['NOT_CONTROLLER', 'stale'],
  42: ['INVALID_REQUEST', 'fatal'],
  43: ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'fatal'],
  44: ['POLICY_VIOLATION', 'fatal'],
  45: ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'fatal'],
  46: ['DUPLICATE_SEQUENCE_NUMBER', 'fatal'],
  47: ['INVALID_PRODUCER_EPOCH', 'fenced'],
  48: ['INVALID_TXN_STATE', 'fatal'],
  49: ['INVALID_PRODUCER_ID_MAPPING', 'fatal'],
  50: ['INVALID_TRANSACTION_TIMEOUT', 'fatal'],
  51: ['CONCURRENT_TRANSACTIONS', 'again'],
  52: ['TRANSACTION_COORDINATOR_FENCED', 'again'],
  53: ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'denied'],
  54: ['SECURITY_DISABLED', 'fatal'],
  55: ['OPERATION_NOT_ATTEMPTED', 'again'],
  56: ['KAFKA_STORAGE_ERROR', 'stale'],
  58: ['SASL_AUTHENTICATION_FAILED', 'fatal'],
  59: ['UNKNOWN_PRODUCER_ID', 'fatal'],
  65: ['DELEGATION_TOKEN_AUTHORIZATION_FAILED', 'denied'],
  69: ['GROUP_ID_NOT_FOUND', 'fatal'],
  70: ['FETCH_SESSION_ID_NOT_FOUND', 'again'],
  71: ['INVALID_FETCH_SESSION_EPOCH', 'again'],
  72: ['LISTENER_NOT_FOUND', 'stale'],
  74: ['FENCED_LEADER_EPOCH', 'stale'],
  75: ['UNKNOWN_LEADER_EPOCH', 'again'],
  76: ['UNSUPPORTED_COMPRESSION_TYPE', 'fatal'],
  78: ['OFFSET_NOT_AVAILABLE', 'again'],
  79: ['MEMBER_ID_REQUIRED', 'again'],
  80: ['PREFERRED_LEADER_NOT_AVAILABLE', 'stale'],
  81: ['GROUP_MAX_SIZE_REACHED', 'fatal'],
  82: ['FENCED_INSTANCE_ID', 'fenced'],
  84: ['ELECTION_NOT_NEEDED', 'fatal'],
  87: ['INVALID_RECORD', 'fatal'],
  88: ['UNSTABLE_OFFSET_COMMIT', 'again'],
  89: ['THROTTLING_QUOTA_EXCEEDED', 'again'],
  90: ['PRODUCER_FENCED', 'fenced'],
  91: ['RESOURCE_NOT_FOUND', 'fatal'],
  92: ['DUPLICATE_RESOURCE', 'fatal'],
  93: ['UNACCEPTABLE_CREDENTIAL', 'fatal'],
  96: ['INVALID_UPDATE_VERSION', 'fatal'],
  97: ['FEATURE_UPDATE_FAILED', 'fatal'],
  100: ['UNKNOWN_TOPIC_ID', 'topic'],
  103: ['INCONSISTENT_TOPIC_ID', 'stale'],
  105: ['TRANSACTIONAL_ID_NOT_FOUND', 'fatal'],
  106: ['FETCH_SESSION_TOPIC_ID_ERROR', 'again'],
  107: ['INELIGIBLE_REPLICA', 'again'],
  110: ['FENCED_MEMBER_EPOCH', 'fenced'],
  111: ['UNRELEASED_INSTANCE_ID', 'fatal'],
  112: ['UNSUPPORTED_ASSIGNOR', 'fatal'],
  113: ['STALE_MEMBER_EPOCH', 'fenced'],
  116: ['UNKNOWN_SUBSCRIPTION_ID', 'fatal'],
  117: ['TELEMETRY_TOO_LARGE', 'fatal'],
  118: ['INVALID_REGISTRATION', 'fatal'],
  119: ['INVALID_REGULAR_EXPRESSION', 'fatal'],
  120: ['TRANSACTION_ABORTABLE', 'fatal'],
  121: ['INVALID_RECORD_STATE', 'fatal'],
  122: ['SHARE_SESSION_NOT_FOUND', 'again'],
  123: ['INVALID_SHARE_SESSION_EPOCH', 'again'],
  124: ['FENCED_STATE_EPOCH', 'fenced'],
}

/** All codes with their names, for whoever must teach them to somebody. */
export function knownCodes(): readonly { readonly code: number; readonly name: string; readonly retriable: boolean }[] {
  return Object.entries(CODES).map(([code, [name, reaction]]) => ({
    code: Number(code),
    name,
    retriable: reaction === 'again' || reaction === 'stale' || reaction === 'topic',
  }))
}

/** A broker's refusal. `subject` says of what: the topic and partition, the group or the transactional id. */
export class ProtocolError extends Error {
  readonly errorCode: number
  readonly errorName: string
  readonly reaction: Reaction
  readonly operation: string
  readonly subject: string

  constructor(errorCode: number, operation: string, subject: string, detail?: string | null) {
    const [name, reaction] = CODES[errorCode] ?? [`error code ${errorCode}`, 'fatal' as const]
    super(`${operation} of ${subject}: the broker answered ${name}${detail ? ` (${detail})` : ''}`)
    this.name = 'ProtocolError'
    this.errorCode = errorCode
    this.errorName = name
    this.reaction = reaction
    this.operation = operation
    this.subject = subject
  }
}

/** Throws unless the code is 0. */
export function assertNoError(errorCode: number, operation: string, subject: string, detail?: string | null): void {
  if (errorCode !== 0) throw new ProtocolError(errorCode, operation, subject, detail)
}
