/** Names every test that failed or was skipped, and closes with one plain line for whoever reads only that. */

import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { DefaultReporter } from 'vitest/node';

export default class PlainReporter extends DefaultReporter implements Reporter {
  override onTestRunEnd(...args: Parameters<DefaultReporter['onTestRunEnd']>): void {
    super.onTestRunEnd(...args);
    const [modules, errors] = args;
    const tests = modules.flatMap((module: TestModule) => [...module.children.allTests()]);
    const withState = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
    const failedModules = modules.filter(
      (module) => module.state() === 'failed' && module.errors().length > 0,
    );
    for (const test of withState('skipped')) console.log(`skipped: ${test.fullName}`);
    const failed = withState('failed').length + failedModules.length + errors.length;
    console.log(`${withState('skipped').length} skipped`);
    console.log(`${withState('passed').length} passed, ${failed} failed`);
  }
}
