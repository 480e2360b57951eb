/** fast-check that tries the same cases in every run, so that none fails by chance; `BEAMLINE_TEST_SEED` asks for others, as a number. */
import fc from 'fast-check'

const SEED = 20_260_417

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['BEAMLINE_TEST_SEED'] ?? SEED) })

export { fc }
