/** Membership in a group, all sent to its coordinator: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, and OffsetCommit with the member's generation. */
import type { GroupOffset } from '../contract.ts'
import { assertNoError } from '../protocol-error.ts'
import type { Request } from '../socket.ts'

export interface MemberOf {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
}

export interface JoinOptions {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Empty: not known yet; the broker then answers with one and `MEMBER_ID_REQUIRED`. */
  readonly memberId: string
  readonly protocol: string
  readonly metadata: Buffer
}

export interface Joined {
  readonly errorCode: number
  readonly generation: number
  readonly leader: string
  readonly memberId: string
  /** For the leader alone. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

export const MEMBER_ID_REQUIRED = 79
const PROTOCOL_TYPE = 'consumer'
const NO_BYTES = Buffer.alloc(0)

/** JoinGroup v5. Answered when all members have joined, or their time is up. */
export const joinGroup = (options: JoinOptions): Request<Joined> => ({
  apiKey: 11,
  apiVersion: 5,
  apiName: 'JoinGroup',
  encode(writer) {
    writer.string(options.groupId).int32(options.sessionTimeoutMs).int32(options.rebalanceTimeoutMs)
    writer.string(options.memberId).string(null).string(PROTOCOL_TYPE)
    writer.array([options], (each, { protocol, metadata }) => each.string(protocol).bytes(metadata))
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const generation = reader.int32()
    reader.string()
    const leader = reader.string() ?? ''
    const memberId = reader.string() ?? ''
    const members = reader.array((each) => {
      const member = each.string() ?? ''
      each.string()
      return { memberId: member, metadata: each.bytes() ?? NO_BYTES }
    })
    if (errorCode !== MEMBER_ID_REQUIRED) assertNoError(errorCode, 'JoinGroup', `group ${options.groupId}`)
    return { errorCode, generation, leader, memberId, members }
  },
})

/** SyncGroup v3; the leader brings the assignments of all, the others none. Answers the member's own. */
export const syncGroup = (
  member: MemberOf,
  assignments: readonly (readonly [memberId: string, assignment: Buffer])[],
): Request<Buffer> => ({
  apiKey: 14,
  apiVersion: 3,
  apiName: 'SyncGroup',
  encode(writer) {
    writer.string(member.groupId).int32(member.generation).string(member.memberId).string(null)
    writer.array(assignments, (each, [memberId, assignment]) => each.string(memberId).bytes(assignment))
  },
  decode(reader) {
    reader.int32()
    assertNoError(reader.int16(), 'SyncGroup', `group ${member.groupId}`)
    return reader.bytes() ?? NO_BYTES
  },
})

/** Heartbeat v3. */
export const heartbeat = (member: MemberOf): Request<void> => ({
  apiKey: 12,
  apiVersion: 3,
  apiName: 'Heartbeat',
  encode(writer) {
    writer.string(member.groupId).int32(member.generation).string(member.memberId).string(null)
  },
  decode(reader) {
    reader.int32()
    assertNoError(reader.int16(), 'Heartbeat', `group ${member.groupId}`)
  },
})

/** LeaveGroup v1. */
export const leaveGroup = (member: MemberOf): Request<void> => ({
  apiKey: 13,
  apiVersion: 1,
  apiName: 'LeaveGroup',
  encode(writer) {
    writer.string(member.groupId).string(member.memberId)
  },
  decode(reader) {
    reader.int32()
    assertNoError(reader.int16(), 'LeaveGroup', `group ${member.groupId}`)
  },
})

export interface CommittedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
}

/** OffsetCommit v7; one code for each partition, left to the caller. */
export const offsetCommit = (
  member: MemberOf,
  offsets: readonly GroupOffset[],
): Request<readonly CommittedPartition[]> => ({
  apiKey: 8,
  apiVersion: 7,
  apiName: 'OffsetCommit',
  encode(writer) {
    writer.string(member.groupId).int32(member.generation).string(member.memberId).string(null)
    writer.array([...Map.groupBy(offsets, ({ topic }) => topic)], (_, [topic, ofTopic]) => {
      writer.string(topic).array(ofTopic, (each, { partition, offset, metadata }) => {
        each
          .int32(partition)
          .int64(offset)
          .int32(-1)
          .string(metadata ?? null)
      })
    })
  },
  decode(reader) {
    reader.int32()
    const topics = reader.array((each) => {
      const topic = each.string() ?? ''
      return each.array(() => ({ topic, partition: each.int32(), errorCode: each.int16() }))
    })
    return topics.flat()
  },
})
