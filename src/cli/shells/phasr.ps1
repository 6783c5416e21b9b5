# PowerShell completion for phasr (not verified); made by: phasr completion powershell
#
# Nothing here is evaluated: neither what has been typed nor what comes back (titles and branch names are other people's text).

Register-ArgumentCompleter -Native -CommandName phasr -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # Words are taken as they were typed; what is not a plain word is no value of ours.
    $words = @($commandAst.CommandElements |
            Select-Object -Skip 1 |
            Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
            ForEach-Object { $_.Extent.Text })
    if ($words -contains '--') { return }
    # An empty argument does not reach a program from every version of PowerShell; two quotes mean the same to phasr.
    $current = if ($wordToComplete -eq '') { "''" } else { "$wordToComplete" }

    phasr complete -- @words $current 2>$null | ForEach-Object {
        if ($_ -eq ':files') { return }
        $value, $description = $_ -split "`t", 2
        $shown = if ([string]::IsNullOrEmpty($description)) { $value } else { $description }
        $text = if ($value -match '^[\w./,=:+-]+$') { $value } else { "'" + $value.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $shown)
    }
}
