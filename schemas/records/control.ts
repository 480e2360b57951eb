import { boolean, defineRecord, double, int, json, long, nullable, type RecordOf, string } from '../define.ts'
import { replyTo, tenantId } from './shared.ts'

/** A flow version; a copy lies in every partition. A repeat is harmless. */
export const FlowPublished = defineRecord('FlowPublished', 1, {
  tenant: tenantId,
  flow: string,
  /** From 1, in order of publication. */
  version: int,
  /** The checked document, as JSON. */
  document: json,
  /** Hex sha-256 of the document. */
  hash: string,
  publishedAtMs: long,
  publishedBy: nullable(string),
})
export type FlowPublished = RecordOf<typeof FlowPublished>

/** A tenant's limits; the highest revision wins. */
export const TenantChanged = defineRecord('TenantChanged', 1, {
  tenant: tenantId,
  revision: int,
  /** Number of neighbouring partitions the tenant's runs lie on; `null`: all. */
  spread: nullable(int),
  /** Attempts of the tenant running at once, over the whole deployment; `null`: no limit. */
  maxConcurrency: nullable(int),
  /** Attempts started per second; `null`: no limit. */
  ratePerSecond: nullable(double),
  /** Tokens the bucket holds. */
  burst: nullable(double),
  /** Share among tenants, 1..1000. */
  weight: int,
})
export type TenantChanged = RecordOf<typeof TenantChanged>

/** A change of the built-in schema registry, in partition 0 alone; takes effect if `expects` is right (see `registry/registry-state.ts`). */
export const SchemaChanged = defineRecord('SchemaChanged', 1, {
  /** Makes the record's key unique, so that compaction keeps every one. */
  changeId: string,
  /** Empty: the settings for all subjects. */
  subject: string,
  /** Number of changes that the subject has had. */
  expects: int,
  /** Of the subject's next version: Avro as JSON text, with sorted names. */
  schema: nullable(string),
  /** The id that the schema has in the code; `null`: the next free one. */
  id: nullable(int),
  compatibility: nullable(string),
  changedAtMs: long,
})
export type SchemaChanged = RecordOf<typeof SchemaChanged>

/**
 * Asks for a document to become the next version of a flow. Sent to partition 0 alone, whose task numbers versions: two gateways may ask at the same moment.
 * The latest version with the same document is answered as it is.
 */
export const PublishFlow = defineRecord('PublishFlow', 1, {
  tenant: tenantId,
  flow: string,
  /** Checked by the gateway. */
  document: json,
  hash: string,
  publishedBy: nullable(string),
  replyTo: nullable(replyTo),
})
export type PublishFlow = RecordOf<typeof PublishFlow>

/** Asks for a tenant's limits to be changed. Sent to partition 0 alone, whose task numbers revisions. */
export const ChangeTenant = defineRecord('ChangeTenant', 1, {
  tenant: tenantId,
  /** A JSON object (`tenant-patch.ts`): names that are absent stay as they are, `null` takes a limit away. */
  patch: json,
  replyTo: nullable(replyTo),
})
export type ChangeTenant = RecordOf<typeof ChangeTenant>

/** Whether a flow version is given to runs that name no version; a copy lies in every partition, the last one counts. */
export const FlowDeprecated = defineRecord('FlowDeprecated', 1, {
  tenant: tenantId,
  flow: string,
  version: int,
  /** False: it is taken back. */
  deprecated: boolean,
  reason: nullable(string),
  changedAtMs: long,
  changedBy: nullable(string),
})
export type FlowDeprecated = RecordOf<typeof FlowDeprecated>

/** Asks for a flow version to be deprecated, or not any more. Sent to partition 0 alone. */
export const DeprecateFlow = defineRecord('DeprecateFlow', 1, {
  tenant: tenantId,
  flow: string,
  version: int,
  deprecated: boolean,
  reason: nullable(string),
  requestedBy: nullable(string),
  replyTo: nullable(replyTo),
})
export type DeprecateFlow = RecordOf<typeof DeprecateFlow>
