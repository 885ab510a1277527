// Answers questions on stdin, as JSON, with what IAM would say to each: `Allowed`, `ImplicitlyDenied`, `ExplicitlyDenied`,
// or that AWS knows no such call.
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'
import { json } from 'node:stream/consumers'

// The published lists of actions, which calls are held to as well, lack these: API Gateway's second version, and the
// claims of an identity provider.
const unlisted = action => action.startsWith('apigateway:') || action.startsWith('sts:')

// A key has to let its account's policies say who may use it, which is what AWS gives it at first.
const keyOf = account => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }],
})

const named = (policy, number) => ({ name: `policy-${number}`, policy })

const answer = async ({ principal, account, action, resource, context, policies, boundary }) => {
  const simulation = {
    request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
    identityPolicies: policies.map(named),
    permissionBoundaryPolicies: boundary ? [named(boundary, 0)] : undefined,
    resourcePolicy: action.startsWith('kms:') ? keyOf(account) : undefined,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }
  if (unlisted(action)) return runUnsafeSimulation(simulation, {})
  const found = await runSimulation(simulation, {})
  return found.resultType === 'error' ? `no such call: ${JSON.stringify(found.errors)}` : found.overallResult
}

const questions = await json(process.stdin)
console.log(JSON.stringify(await Promise.all(questions.map(answer))))
