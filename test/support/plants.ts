/**
 * What an agent leaves in its own place so that whoever looks at it runs it, or does not see it: one script for each way, by the rows of a list of git hazards that were tried one by one.
 * `$E` is a command that leaves a mark in `$MARK`; `$P` the private git dir.
 */

export type Plant = {
  readonly row: string;
  readonly what: string;
  readonly script: string;
  /** Shows that it works where one is careless: run by the agent itself, it leaves the mark. Null where that takes what is not here. */
  readonly fire: string | null;
};

/** Hooks that print nothing and fail nothing. */
const HOOKS =
  'for h in post-checkout pre-commit post-index-change reference-transaction post-commit post-merge post-rewrite; do printf "#!/bin/sh\\n$E\\n" > $D/$h; chmod +x $D/$h; done';
const EVIL_REPOSITORY =
  'git init -q evilrepo; git -C evilrepo config core.worktree "$PWD"; git -C evilrepo config core.fsmonitor "$E; false"';

export const PLANTS: readonly Plant[] = (
  [
    ['e01', 'a file system monitor', 'git config core.fsmonitor "$E; false"', 'git status'],
    [
      'e02',
      'hooks',
      `git config --unset-all core.hooksPath; D=$P/hooks; mkdir -p $D; ${HOOKS}`,
      'git commit -q --allow-empty -m x',
    ],
    [
      'e03',
      'a hooks path',
      `D=$PWD/hooks; mkdir -p $D; ${HOOKS}; git config core.hooksPath $D`,
      'git commit -q --allow-empty -m x',
    ],
    ['e04', 'a diff program', 'git config diff.external "$E #"; echo x >> a', 'git diff'],
    [
      'e05',
      'a text converter',
      'git config diff.evil.textconv "$E; cat"; echo "* diff=evil" > .gitattributes; echo x >> a',
      'git diff',
    ],
    [
      'e06',
      'a diff driver',
      'git config diff.evil.command "$E #"; echo "* diff=evil" > .gitattributes; echo x >> a',
      'git diff',
    ],
    [
      'e07',
      'a clean filter',
      'git config filter.evil.clean "$E; cat"; echo "* filter=evil" > .gitattributes; echo x >> a',
      'git add a',
    ],
    [
      'e07',
      'a filter process',
      'git config filter.evil.process "$E; false"; echo "* filter=evil" > .gitattributes; echo x >> a',
      'git add a',
    ],
    [
      'e08',
      'a smudge filter',
      'git config filter.evil.smudge "$E; cat"; echo "* filter=evil" > .gitattributes',
      'rm a; git checkout -q -- a',
    ],
    [
      'e09',
      'a merge driver',
      'git config merge.evil.driver "$E; true"; git config merge.default evil; echo "* merge=evil" > .gitattributes; echo mine >> a',
      'git commit -qam 1; git checkout -q -b s HEAD~1; echo theirs >> a; git commit -qam 2; git merge -q -',
    ],
    [
      'e10',
      'a .git file that names its own repository',
      `${EVIL_REPOSITORY}; echo "gitdir: $PWD/evilrepo/.git" > .git`,
      'git status',
    ],
    [
      'e11',
      'another commondir',
      `${EVIL_REPOSITORY}; echo "$PWD/evilrepo/.git" > "$(git rev-parse --absolute-git-dir)/commondir"`,
      'git status',
    ],
    [
      'e12',
      'settings of its worktree',
      'git config extensions.worktreeConfig true; git config core.bare false; git config --worktree core.fsmonitor "$E; false"',
      'git status',
    ],
    [
      'e13',
      'a nested repository with a monitor',
      'git init -q nested; echo x > nested/x; git -C nested add .; git -C nested commit -qm n; git -C nested config core.fsmonitor "$E; false"; echo y > nested/x',
      'git -C nested status',
    ],
    [
      'e13',
      'a gitlink with a monitor',
      'git init -q sub; echo x > sub/x; git -C sub add .; git -C sub commit -qm n; git add sub 2>&1; git commit -qm gitlink; git -C sub config core.fsmonitor "$E; false"; echo y > sub/x',
      'git status',
    ],
    [
      'e14',
      'a nested repository with a filter',
      'git init -q nested; echo x > nested/x; git -C nested add .; git -C nested commit -qm n; git -C nested config filter.evil.clean "$E; cat"; echo "* filter=evil" > nested/.gitattributes; echo y > nested/x',
      'git -C nested add x',
    ],
    [
      'e15',
      'a folder in the shape of a bare repository',
      'git init -q --bare bare; git -C bare config core.fsmonitor "$E; false"; git -C bare config core.bare false; git -C bare config core.worktree .',
      'cd bare; git status; cd ..',
    ],
    [
      'e16',
      'a signature program',
      'git config log.showSignature true; git config gpg.program "$P/gpg"; printf "#!/bin/sh\\n$E\\n" > $P/gpg; chmod +x $P/gpg; git cat-file commit HEAD | sed "/^committer/a gpgsig -----BEGIN PGP SIGNATURE-----\\n \\n x\\n -----END PGP SIGNATURE-----" > $P/c; git update-ref HEAD $(git hash-object -t commit -w $P/c)',
      'git log -1',
    ],
    [
      'e17',
      'an include',
      'printf "[core]\\n\\tfsmonitor = \\"$E; false\\"\\n" > inc; git config include.path $PWD/inc',
      'git status',
    ],
    [
      'e18',
      'an ssh command',
      'git config core.sshCommand "$E; false"; git remote add evil ssh://x/y; git config branch.$PHASR_BRANCH.remote evil',
      'git fetch -q evil',
    ],
    [
      'e18',
      'an upload program',
      'git remote add evil $PWD; git config remote.evil.uploadpack "$E; git-upload-pack"',
      'git fetch -q evil',
    ],
    [
      'e19',
      'scripts of the project',
      'printf "{\\"scripts\\":{\\"test\\":\\"$E\\",\\"postinstall\\":\\"$E\\"}}" > package.json; printf "all:\\n\\t$E\\n" > Makefile',
      null,
    ],
    [
      'e20',
      'an editor',
      'git config core.editor "$E; true"; git config sequence.editor "$E; true"',
      'unset GIT_EDITOR EDITOR VISUAL; git commit -q --allow-empty; git commit -q --allow-empty -m x --edit',
    ],
    ['e21', 'aliases', 'for c in st ci xx; do git config alias.$c "!$E"; done', 'git xx'],
    [
      'e22',
      'a credential helper',
      'git config credential.helper "!$E; true"',
      'printf "protocol=https\\nhost=x\\n\\n" | git credential fill',
    ],
    [
      'e23',
      "a submodule's update command",
      'git init -q lib; git -C lib commit -q --allow-empty -m l; printf "[submodule \\"lib\\"]\\n\\tpath = lib\\n\\turl = ./lib\\n" > .gitmodules; git add .gitmodules lib; git commit -qm sub; git config submodule.lib.update "!$E; true"; git config submodule.lib.url $PWD/lib',
      'git -c protocol.file.allow=always submodule update lib; git -C lib commit -q --allow-empty -m l2; git -c protocol.file.allow=always submodule update lib',
    ],
    [
      'e24',
      'a hook by settings (git 2.54)',
      'git config hook.evil.command "$E"; git config hook.evil.event post-index-change',
      null,
    ],
    ['e25', 'a pager', 'git config core.pager "$E; cat"; git config pager.log "$E; cat"', null],
    [
      'e26',
      'other programs',
      'git config tar.evil.command "$E; cat"; git config interactive.diffFilter "$E; cat"; git config diff.tool evil; git config difftool.evil.cmd "$E"; git config mergetool.evil.cmd "$E"; git config blame.ignoreRevsFile $PWD/none; git config trailer.x.command "$E"; git config trailer.x.key X',
      'git archive --format=evil HEAD',
    ],
    [
      'e27',
      'a .git folder in the place of the file',
      `${EVIL_REPOSITORY}; rm .git; cp -r evilrepo/.git .git`,
      'git status',
    ],
    [
      'e28',
      'programs of common names',
      'mkdir -p node_modules/.bin; for n in git node sh; do printf "#!/bin/sh\\n$E\\n" > node_modules/.bin/$n; cp node_modules/.bin/$n $n; chmod +x node_modules/.bin/$n $n; done',
      './git',
    ],
    [
      'e29',
      'a remote that has missing objects',
      'git config remote.evil.url "ext::sh -c $MARKER% x"; git config remote.evil.promisor true; git config extensions.partialClone evil; git config protocol.ext.allow always; t=$(printf "100644 blob 1111111111111111111111111111111111111111\\tmissing\\n" | git mktree --missing); git update-ref HEAD $(git commit-tree -m m -p HEAD $t)',
      'git show HEAD',
    ],
  ] as const
).map(([row, what, script, fire]) => ({ row, what, script, fire }));

export type Hidden = {
  readonly row: string;
  readonly what: string;
  readonly script: string;
  /** What `phasr show` and `phasr diff` must say of it together. */
  readonly seen: RegExp;
};

export const HIDDEN: readonly Hidden[] = (
  [
    [
      'h01',
      'by attributes',
      'printf "* -diff\\n*.ts binary\\n" > .gitattributes; echo evil >> a',
      /^\+evil$/m,
    ],
    ['h02', 'by assume-unchanged', 'git update-index --assume-unchanged a; echo evil >> a', /^\+evil$/m],
    ['h03', 'by skip-worktree', 'git update-index --skip-worktree a; echo evil >> a', /^\+evil$/m],
    ['h04', 'by an ignore file of its own', 'echo payload > .gitignore; echo evil > payload', /^\+payload$/m],
    [
      'h05',
      'by excludes',
      'echo payload > "$(git rev-parse --git-common-dir)/info/exclude"; echo evil > payload',
      /^\+evil$/m,
    ],
    [
      'h06',
      'in a nested repository',
      'git init -q nested; echo evil > nested/x; git -C nested add .; git -C nested commit -qm n',
      /nested/,
    ],
    [
      'h07',
      'an executable bit, by settings',
      'git config core.fileMode false; chmod +x a',
      /old mode 100644|100755|mode/,
    ],
    ['h08', 'a link to a secret', 'ln -s /etc/shadow link', /^\+\/etc\/shadow$/m],
    ['h09', 'by intent to add', 'echo evil > payload; git add -N payload', /^\+evil$/m],
    ['h10', 'behind a carriage return', 'printf "evil()\\rgood()\\n" > payload', /evil\(\)\\rgood|evil\(\)/],
    ['h11', 'behind terminal escapes', 'printf "evil()\\033[2K\\033[1Ggood()\\n" > payload', /evil\(\)/],
    [
      'h12',
      'behind bidi and zero-width characters',
      'printf "ad\\342\\200\\213min \\342\\200\\256evil\\342\\200\\254\\n" > payload',
      /payload/,
    ],
    ['h13', 'by a replace ref', 'echo evil >> a; git commit -qam own; git replace HEAD HEAD~1', /^\+evil$/m],
    [
      'h14',
      'by a graft',
      'echo evil >> a; git commit -qam own; git rev-parse HEAD > "$(git rev-parse --git-common-dir)/shallow"',
      /^\+evil$/m,
    ],
    [
      'h15',
      'behind a false author and date',
      'git -c user.name=Evil -c user.email=e@e commit -q --allow-empty -m spoofed --date 2001-02-03T12:00',
      /is by Evil <e@e>, is dated 2001-02-03/,
    ],
    [
      'h15',
      'behind a date that no calendar has',
      'git commit -q --allow-empty -m own; git cat-file commit HEAD | sed "s/^\\(author.*>\\) .*/\\1 99999999999999 +0000/" > c; git update-ref HEAD $(git hash-object -t commit -w --literally c)',
      /its commit \w{9} is dated at no time that there is/,
    ],
    ['h16', 'by rewriting the base', 'echo evil >> a; git commit -q -a --amend -m base', /^\+evil$/m],
    ['h17', 'on another branch', 'git switch -qc other; echo evil >> a; git commit -qam own', /^\+evil$/m],
    [
      'h18',
      'on an orphan branch',
      'git switch -q --orphan fresh; git checkout -q "$PHASR_BASE" -- .; echo evil >> a; git add .; git commit -qm own',
      /^\+evil$/m,
    ],
    [
      'h19',
      'in detached commits',
      'git checkout -q --detach; echo evil >> a; git commit -qam own',
      /^\+evil$/m,
    ],
    ['h20', 'without a .git file', 'rm .git; echo evil >> a', /^\+evil$/m],
    [
      'h21',
      'in a merge left half-way',
      'git switch -qc s; echo 1 >> a; git commit -qam 1; git switch -q -; echo evil >> a; git commit -qam 2; git merge -q s || true',
      /evil/,
    ],
    [
      'h22',
      'in a rebase left half-way',
      'git switch -qc s; echo 1 >> a; git commit -qam 1; git switch -q -; echo evil >> a; git commit -qam 2; git rebase -q s || true',
      /rebase|evil/,
    ],
    [
      'h23',
      'by forged times',
      'touch -d @1000000000 a; git update-index --refresh -q; printf "b\\n" > a.new; cat a.new > a; rm a.new; touch -d @1000000000 a',
      /^\+b$/m,
    ],
    [
      'h24',
      'by settings',
      'echo payload > ex; git config core.excludesFile $PWD/ex; git config status.showUntrackedFiles no; git config diff.orderFile /dev/null; echo evil > payload',
      /^\+evil$/m,
    ],
    [
      'h25',
      'a moved submodule',
      'git init -q lib; git -C lib commit -q --allow-empty -m l; printf "[submodule \\"lib\\"]\\n\\tpath = lib\\n\\turl = ./lib\\n\\tignore = all\\n" > .gitmodules; git add .; git commit -qm sub',
      /lib/,
    ],
    [
      'h26',
      'deletions, by a sparse checkout',
      'git sparse-checkout set --no-cone "/*" "!/b"; git update-index --no-skip-worktree b; rm -f b',
      /deleted|^-b$/m,
    ],
    [
      'h27',
      'what it changes after the review',
      '(while :; do echo late >> a; done) & setsid sh -c "while :; do echo late >> b; done" &',
      /it left \d+ processes running, which were ended/,
    ],
    [
      'h28',
      'a tree with an entry .GIT',
      't=$(printf "040000 tree %s\\t.GIT\\n" $(git rev-parse HEAD^{tree}) | git mktree); git update-ref HEAD $(git commit-tree -p HEAD -m evil $t); echo evil >> a',
      /own commits could not be taken over.*[\s\S]*^\+evil$/m,
    ],
    [
      'h29',
      'names that differ in capitals',
      'echo evil > A; echo evil2 > payload; echo evil3 > PAYLOAD',
      /PAYLOAD/,
    ],
    [
      'h30',
      'a file with secrets among others',
      'echo KEY=1 > .env.local; mkdir keys; echo x > keys/id_rsa; echo x > .env.example',
      /note +\.env\.local, keys\/id_rsa look like secrets; merged, they are in your history for good/,
    ],
  ] as const
).map(([row, what, script, seen]) => ({ row, what, script, seen }));

const LONG = 'd'.repeat(200);

/** What trips whoever reads, shows or removes a worktree. `$R` is the checkout. */
export const ODDITIES: readonly Hidden[] = (
  [
    [
      'd14',
      'a path longer than the kernel takes',
      `node -e 'for (let n = 0; n < 25; n++) { fs.mkdirSync("${LONG}"); process.chdir("${LONG}"); } fs.writeFileSync("deep", "x")'`,
      /d{200}/,
    ],
    [
      'd15',
      'folders and files without permissions',
      'mkdir -p locked/in; echo x > locked/in/file; echo x > closed; chmod 000 closed locked/in locked',
      /closed/,
    ],
    ['d16', 'a named pipe', 'mkfifo pipe; mkdir d; mkfifo d/pipe; echo x > seen', /seen/],
    ['d17', 'a link to an endless file', 'ln -s /dev/zero zero', /^\+\/dev\/zero$/m],
    [
      'd19',
      'links to the checkout',
      'ln -s $R/ all; ln -s $R/.git git; rm -rf b; ln -s $R b',
      /^\+\/.+\/repo\/$/m,
    ],
    ['d20', 'a link where Phasr writes', 'rm -rf src; ln -s $R/src src', /^\+\/.+\/repo\/src$/m],
    ['d21', 'a name with a newline', `touch "$(printf 'one\\ntwo')"`, /one\\ntwo/],
    ['d22', 'names that look like options', 'touch ./-rf ./--force ./--output=evil', /--output=evil/],
    [
      'd23',
      'a name with terminal escapes',
      `touch "$(printf 'evil\\033[2Kgood')"`,
      /evil\\(?:033|x1b|u001b|e)\[2Kgood/i,
    ],
    ['d24', 'a name that is not UTF-8', `touch "$(printf 'evil\\377')"`, /evil\\(?:377|xff)/],
    ['d25', 'a name of 255 bytes', `touch ${'n'.repeat(255)}`, /n{255}/],
  ] as const
).map(([row, what, script, seen]) => ({ row, what, script, seen }));
