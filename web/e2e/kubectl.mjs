// The other side of a live test: changes objects in a cluster.

import { execFileSync } from 'node:child_process';

export function kubectl(kubeconfig, context) {
  const run = (args, input) =>
    execFileSync(
      process.env.KUBECTL ?? 'kubectl',
      ['--kubeconfig', kubeconfig, '--context', context, '-n', 'default', ...args],
      {
        input,
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
  return {
    create: (object) => run(['create', '-f', '-'], JSON.stringify(object)),
    patchStatus: (pod, status) =>
      run(['patch', 'pod', pod, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]),
    label: (pod, label) => run(['label', 'pod', pod, '--overwrite', label]),
    delete: (pod) => run(['delete', 'pod', pod, '--ignore-not-found', '--wait=false', '--grace-period=0', '--force']),
  };
}
