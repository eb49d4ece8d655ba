/** A harness without a model: does exactly what the prompt's lines say. For trying and testing an instance. */
import { classifyEnd } from '../classify-failure.ts'
import type { Harness } from '../harness.ts'
import { createEchoParser } from './parser.ts'

const AGENT_PATH = '/opt/mogplex/echo/agent.mjs'

export const echo: Harness = {
  id: 'echo',
  npmPackage: null,
  credentialProviders: [],
  command: input => ({
    argv: ['node', AGENT_PATH],
    env: { ...input.repositoryEnv },
    stdin: input.prompt,
    mounts: [{ hostPath: `${import.meta.dir}/agent.mjs`, sandboxPath: AGENT_PATH }],
    endpoints: [],
    files: [],
  }),
  createParser: createEchoParser,
  classifyFailure: output => classifyEnd('echo', output, createEchoParser()),
}
