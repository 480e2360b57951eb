import type avsc from 'avsc'
import { incompatibilities, parseAvroSchema } from '../../schemas/registry/compatibility.ts'
import { ALL_SUBJECTS, type RegisteredVersion, type RegistryView } from '../../schemas/registry/registry-state.ts'

/** Whether a schema would be taken, and if not, why. `single`: it is compared with one version, whatever the level says of others. */
export function compatibilityAnswer(
  view: RegistryView,
  subject: string,
  type: avsc.Type,
  against: readonly RegisteredVersion[],
  single: boolean,
): object {
  const level = view.compatibility(subject) ?? view.compatibility(ALL_SUBJECTS)!
  const compared = single ? against.slice(-1) : against
  const versions = compared.map(({ version, schema }) => ({ version, type: parseAvroSchema(schema).type }))
  const messages = incompatibilities(type, versions, level)
  return { is_compatible: messages.length === 0, messages }
}
