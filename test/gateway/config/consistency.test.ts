import { expect, it } from 'vitest'
import { inconsistencies } from '../../../gateway/config/consistency.ts'
import { loadConfig } from '../../../gateway/config/load-config.ts'

const KAFKA = { BEAMLINE_LOG: 'kafka', BEAMLINE_KAFKA_BROKERS: 'a:1' }
const POSTGRES = { BEAMLINE_READ_MODEL_KIND: 'postgres', BEAMLINE_READ_MODEL_URL: 'postgres://db/x' }

function problemsOf(variables: { readonly [name: string]: string }): readonly string[] {
  return inconsistencies(loadConfig({ file: null, variables, flags: [] }).config)
}

it.each([
  [{}],
  [{ BEAMLINE_ROLES: 'tasks' }],
  [{ BEAMLINE_ROLES: 'tasks,execute:io,gateway,read-model' }],
  [{ ...KAFKA, BEAMLINE_ROLES: 'gateway,read-model' }],
  [{ ...KAFKA, BEAMLINE_ROLES: 'execute:gpu' }],
  [{ ...KAFKA, BEAMLINE_RETENTION_WORK_SIZE: '1GiB' }],
  [{ BEAMLINE_RETENTION_WORK_SIZE: '100MiB' }],
  [{ ...KAFKA, ...POSTGRES, BEAMLINE_ROLES: 'gateway' }],
  [{ ...KAFKA, ...POSTGRES, BEAMLINE_ROLES: 'read-model' }],
  [{ ...POSTGRES, BEAMLINE_ROLES: 'tasks,gateway' }],
])('%j goes together', (variables) => {
  expect(problemsOf(variables)).toEqual([])
})

it.each([
  [
    { BEAMLINE_ROLES: 'gateway,read-model' },
    /without tasks; the embedded log's folder belongs to one process.*add tasks/,
  ],
  [{ BEAMLINE_ROLES: 'tasks,gateway' }, /gateway without read-model.*add read-model/],
  [{ BEAMLINE_ROLES: 'tasks,read-model' }, /read-model without gateway.*add gateway/],
  [{ BEAMLINE_LOG: 'kafka' }, /kafka\.brokers is not set; expected addresses/],
  [{ BEAMLINE_KAFKA_SASL_MECHANISM: 'plain', BEAMLINE_KAFKA_SASL_USERNAME: 'u' }, /kafka\.sasl\.password is not set/],
  [{ BEAMLINE_KAFKA_SASL_USERNAME: 'u' }, /kafka\.sasl\.username is set, but kafka\.sasl\.mechanism is not/],
  [{ BEAMLINE_KAFKA_TLS_CERT: 'c.pem' }, /kafka\.tls\.cert and kafka\.tls\.key only one/],
  [{ BEAMLINE_KAFKA_REPLICATION: '2', BEAMLINE_KAFKA_MIN_INSYNC_REPLICAS: '3' }, /more than the 2 copies/],
  [{ BEAMLINE_READ_MODEL_KIND: 'postgres' }, /read_model\.url is not set; expected postgres:\/\//],
  [{ BEAMLINE_READ_MODEL_URL: 'postgres://db/x' }, /read_model\.kind is sqlite; expected postgres/],
  [
    { ...KAFKA, BEAMLINE_RETENTION_WORK_SIZE: '100MiB' },
    /retention\.work\.size is 104857600 bytes; expected at least 1GiB/,
  ],
  [{ BEAMLINE_SCHEMA_REGISTRY_URL: 'http://r' }, /schema_registry\.url is set, but log is embedded/],
  [{ ...KAFKA, BEAMLINE_SCHEMA_REGISTRY_USERNAME: 'u' }, /schema_registry\.password only one is set/],
  [{ BEAMLINE_SECRETS_STORE: 's' }, /secrets\.store and secrets\.key only one/],
])('%j is refused', (variables, expected) => {
  expect(problemsOf(variables as { readonly [name: string]: string })).toEqual([expect.stringMatching(expected)])
})
