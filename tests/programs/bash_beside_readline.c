/*
 * A shell that is to ecapture what a bash is that was built with `--with-installed-readline`: it
 * exports bash's functions and variables, and reads its lines by libreadline.so. No such bash is in
 * Debian. It runs each line by system(3); a line that ends with a backslash goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <readline/readline.h>

int last_command_exit_value;
int current_command_line_count;
int interactive = 1;
char *current_readline_prompt;

/* As bash's, these are called through their symbols' addresses. */
char *decode_prompt_string(char *string);
char *pre_process_line(char *line, int print_changes, int addit);
static char *(*volatile decode)(char *) = decode_prompt_string;
static char *(*volatile process)(char *, int, int) = pre_process_line;

char *decode_prompt_string(char *string) {
    return strdup(string);
}

/* History expansion of one kind: `!!` is `true`. */
char *pre_process_line(char *line, int print_changes, int addit) {
    (void)print_changes;
    (void)addit;
    return strcmp(line, "!!") ? line : strdup("true");
}

static char *ask(char *prompt) {
    free(current_readline_prompt);
    current_readline_prompt = decode(prompt);
    return readline(current_readline_prompt);
}

int main(void) {
    char command[4096] = "", *line;

    while ((line = ask(current_command_line_count ? "more> " : "prompt> "))) {
        size_t len;

        line = process(line, 1, 1);
        strncat(command, line, sizeof(command) - strlen(command) - 1);
        len = strlen(command);
        current_command_line_count++;
        if (len && command[len - 1] == '\\') {
            command[len - 1] = 0;
            continue;
        }
        /* Input that is no command has a prompt of its own. */
        if (!strcmp(command, "read"))
            free(readline("answer? "));
        else if (*command)
            last_command_exit_value = WEXITSTATUS(system(command));
        current_command_line_count = 0;
        *command = 0;
    }
    return last_command_exit_value;
}
