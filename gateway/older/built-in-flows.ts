/**
 * The flows that stand behind the older routes. A tenant gets one when it first uses it: the same document is the same version,
 * however many gateways publish it at once, and runs name the version, so a flow of the same name that someone else publishes changes nothing here.
 */
import { createHash } from 'node:crypto'
import { checkFlow } from '../../schemas/flow/compile.ts'
import type { TenantId } from '../../schemas/ids.ts'
import type { Edge } from '../http/edge.ts'

/** This engine stands for the one provider of the older router. */
export const PROVIDER_ID = 'beamline'

const DECIDES = [
  'steps:',
  '  - id: decide',
  '    type: echo',
  '    with:',
  `      provider_id: ${PROVIDER_ID}`,
  '      reason: weighted',
  '      priority: 50',
  '      expected_latency_ms: 0',
  '      expected_cost: 0',
  'output: "${steps.decide.output}"',
]
const RECORDS = ['steps:', '  - id: record', '    type: echo', '    with: "${input}"']

const flowText = (name: string, lines: readonly string[]): string => [`flow: ${name}`, ...lines, ''].join('\n')

/** By what they are for. */
export const BUILT_IN = {
  decide: 'beamline.decide',
  message: 'beamline.message',
  /** Its runs say which messages were deleted. */
  deletion: 'beamline.message-deleted',
  /** Its runs keep what was registered. */
  registration: 'beamline.block-registration',
} as const
export type BuiltIn = keyof typeof BUILT_IN

const DOCUMENTS: { readonly [B in BuiltIn]: string } = {
  decide: flowText(BUILT_IN.decide, DECIDES),
  message: flowText(BUILT_IN.message, DECIDES),
  deletion: flowText(BUILT_IN.deletion, RECORDS),
  registration: flowText(BUILT_IN.registration, RECORDS),
}

const hashes = new Map<BuiltIn, string>()

function hashOf(builtIn: BuiltIn): string {
  let hash = hashes.get(builtIn)
  if (hash === undefined) {
    const checked = checkFlow(DOCUMENTS[builtIn])
    if (!checked.ok) throw new Error(checked.problems[0]!.message)
    hash = createHash('sha256').update(checked.document).digest('hex')
    hashes.set(builtIn, hash)
  }
  return hash
}

/** Version of the flow, which is published if the tenant has none. @throws {RequestError} while nothing can be published */
export async function versionOf({ definitions, publisher }: Edge, tenant: TenantId, builtIn: BuiltIn): Promise<number> {
  const hash = hashOf(builtIn)
  const published = definitions.versions(tenant, BUILT_IN[builtIn]).find((version) => version.hash === hash)
  if (published !== undefined) return published.version
  const source = new TextEncoder().encode(DOCUMENTS[builtIn])
  const { record } = await publisher.publishFlow(tenant, source, 'beamline')
  return record.version
}
