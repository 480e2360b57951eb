/** What an operator may set about the built-in blocks. Flows name connections and secrets; they never hold them. */
import type { EgressSettings } from './io/egress/egress.ts'
import type { HttpOptions } from './io/http-client.ts'
import { type SecretSettings, secretsOfEnvironment } from './secrets/source.ts'

export interface BlockSettings {
  /** What blocks may dial. Default: public addresses only. */
  readonly egress?: EgressSettings
  readonly http?: HttpOptions
  readonly secrets?: SecretSettings
  /** Threads of the cpu pool; default one less than there are cores, at least 1. */
  readonly cpuThreads?: number
  /** Heap of a worker thread in MiB; default 512. */
  readonly threadHeapMb?: number
}

type Variables = { readonly [name: string]: string | undefined }

/**
 * Settings from variables of the process: `BEAMLINE_EGRESS_ALLOW` and `BEAMLINE_EGRESS_DENY` (rules, separated by commas),
 * `BEAMLINE_EGRESS_ONLY=true`, `BEAMLINE_PROXY`, `BEAMLINE_SECRET_<NAME>`, `BEAMLINE_SECRETS_FOLDER`, `BEAMLINE_SECRETS_STORE` with
 * `BEAMLINE_SECRETS_KEY`.
 */
export function blockSettingsOf(variables: Variables): BlockSettings {
  const store = variables.BEAMLINE_SECRETS_STORE
  const key = variables.BEAMLINE_SECRETS_KEY
  if (store !== undefined && key === undefined) {
    throw new TypeError('BEAMLINE_SECRETS_STORE is set and BEAMLINE_SECRETS_KEY is not; expected both')
  }
  return {
    egress: {
      allow: listOf(variables.BEAMLINE_EGRESS_ALLOW),
      deny: listOf(variables.BEAMLINE_EGRESS_DENY),
      only: variables.BEAMLINE_EGRESS_ONLY === 'true',
    },
    http: { proxy: variables.BEAMLINE_PROXY ?? null },
    secrets: {
      folder: variables.BEAMLINE_SECRETS_FOLDER ?? null,
      values: secretsOfEnvironment(variables),
      store: store === undefined || key === undefined ? null : { file: store, key },
    },
  }
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '')
}
